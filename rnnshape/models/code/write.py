"""Python code that builds a network in a framework, loads its weights, and calls it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import UsageError, check_choice
from ...network.batch import Batch
from ...network.dims import Symbol
from ...network.spec import Spec
from ..layouts.tables import layout_of
from .frameworks import equinox_lines, keras_lines, linen_lines, nnx_lines
from .torch import torch_lines

if TYPE_CHECKING:
    from ..convert import Source

WRITERS = {
    "torch": torch_lines, "keras": keras_lines, "flax": nnx_lines, "flax-linen": linen_lines,
    "equinox": equinox_lines,
}  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """A weights file as the code opens it: its path, and whether its names are torch's.

    form: npz, safetensors, torch, torchscript, or '' for what no line of code opens; prefix stands
    before torch's names; keys: of the dicts around those names, as torch.load gives them, None
    where the file holds objects, or weights in parts; fix: the command that makes a file that can
    be opened.
    """

    path: str
    form: str = "npz"
    torch: bool = True
    prefix: str = ""
    keys: tuple[str | int, ...] | None = ()
    fix: str = ""


def loaded_from(path: str, source: Source, fix: str = "") -> Loaded:
    """How code opens the file that `source` was read from."""
    form = source.format.removesuffix(" (older stream)")
    form = form if form in ("npz", "safetensors", "torch", "torchscript") else ""
    if source.framework != "torch":
        return Loaded(path, form, torch=False, fix=fix)
    own = next(iter(source.spec.parameters()))
    first = next((tensor for tensor in source.tensors if tensor.path.endswith(own)), None)
    if first is None or any(tensor.sources for tensor in source.tensors):
        return Loaded(path, form, keys=None, fix=fix)
    if form != "torch":
        return Loaded(path, form, prefix=first.path.removesuffix(own), fix=fix)
    around = {tensor.within for tensor in source.tensors}
    if len(around) > 1 or first.within is None:
        return Loaded(path, form, keys=None, fix=fix)
    key = first.name.removeprefix("".join(f"{key}." for key in first.within))
    return Loaded(path, form, prefix=key.removesuffix(own), keys=first.within, fix=fix)


def code(spec: Spec, batch: Batch, framework: str = "torch", loaded: Loaded | None = None) -> str:
    """The program's text. Raises UsageError where the framework has no such network.

    It ends with a call on random input, so that it runs as it stands.
    """
    if framework == "onnx":
        raise UsageError(
            f"--framework: expected {', '.join(WRITERS)}",
            got="'onnx'",
            fix=loaded.fix if loaded else "rnnshape convert model.safetensors model.onnx --to onnx",
        )
    check_choice("--framework", framework, WRITERS, "keras")
    _check_numbers(spec, batch)
    layout = layout_of(framework)
    if layout is not None:
        layout.entries(spec)
        if batch.packed or batch.unbatched:
            raise UsageError(
                f"--{'lengths' if batch.packed else 'unbatched'}: expected for torch alone",
                got=f"--framework {framework}",
                fix="leave it out, and give the code a mask or a batch of one yourself",
            )
    if loaded is not None:
        _readable(loaded, framework)
    return "\n".join(_tidy(WRITERS[framework](spec, batch, loaded))) + "\n"


def written_code(spec: Spec, batch: Batch, framework: str, weights: str | None = None) -> str:
    """The text for a written cell: its step and its layer, and a call. Raises UsageError."""
    from .equations import equation_lines

    _check_numbers(spec, batch)
    return "\n".join(_tidy(equation_lines(spec, batch, framework, weights))) + "\n"


def _check_numbers(spec: Spec, batch: Batch) -> None:
    for option, size in (
        ("--input-size", spec.input_size), ("--hidden-size", spec.hidden_size),
        ("--batch-size", batch.size), ("--seq-len", batch.seq_len),
    ):  # fmt: skip
        if isinstance(size, Symbol):
            raise UsageError(
                f"{option}: expected a number, since the code is to run",
                got=f"the symbol {size}",
                fix=f"{option} 20",
            )


def _readable(loaded: Loaded, framework: str) -> None:
    known = ("npz", "safetensors", *(("torch", "torchscript") if framework == "torch" else ()))
    if loaded.form not in known or (framework == "torch" and not loaded.torch):
        layouts = "torch's" if framework == "torch" else f"torch's or {framework}'s"
        raise UsageError(
            f"--weights: expected a file of {', '.join(known[:3])} in {layouts} layout",
            got=repr(loaded.path[-60:]),
            fix=loaded.fix,
        )
    if loaded.keys is None:
        raise UsageError(
            "--weights: expected a state_dict with the weights of the network itself",
            got=f"{loaded.path[-60:]!r}, which holds whole objects, or weights in parts",
            fix=loaded.fix,
        )


def _tidy(lines: Iterator[str]) -> Iterator[str]:
    """No blank line at the start, never more than two in a row."""
    blank = 2
    for line in lines:
        blank = blank + 1 if not line else 0
        if blank <= 2:
            yield line
