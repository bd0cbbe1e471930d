"""Every command and its options, taken from the live program, and values that suit an option.

What comes later is covered when it comes: an option without a value of its own gets one by its
metavar or its type.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Option:
    """One option or argument of a command; no `words` for an argument."""

    name: str
    words: tuple[str, ...]
    flag: bool
    metavar: str
    kind: type
    required: bool


@dataclass(frozen=True)
class Command:
    """A command with what it takes."""

    name: str
    options: tuple[Option, ...]
    arguments: tuple[Option, ...]
    help: str


@cache
def commands() -> dict[str, Command]:
    """By name, every command that the program has."""
    from typer.main import get_command

    from rnnshape.cli.app import build

    found = {}
    for name, command in get_command(build([])).commands.items():
        taken = [_option(parameter) for parameter in command.params]
        options = tuple(option for option in taken if option.words)
        arguments = tuple(option for option in taken if not option.words)
        found[name] = Command(name, options, arguments, command.help or "")
    return found


def _option(parameter) -> Option:
    if hasattr(parameter, "type_descriptor"):
        kind = parameter.type_descriptor.annotation
    else:  # typer before 0.20
        kind = {"integer": int, "float": float}.get(parameter.type.name, str)
    is_argument = parameter.param_type_name == "argument"
    return Option(
        name=parameter.name,
        words=() if is_argument else (*parameter.opts, *parameter.secondary_opts),
        flag=bool(getattr(parameter, "is_flag", False)),
        metavar=parameter.metavar or "",
        kind=kind if isinstance(kind, type) else str,
        required=parameter.required,
    )


# where the help lists them
_FRAMEWORKS = ("torch", "onnx", "keras", "flax", "flax-linen", "equinox")
_CHOICES = {
    "cell": ("rnn", "lstm", "gru", "rnn-cell", "lstm-cell", "gru-cell"), "to": _FRAMEWORKS,
    "nonlinearity": ("tanh", "relu"), "framework": _FRAMEWORKS,
    "output_activation": ("none", "softmax", "sigmoid", "tanh"),
}  # fmt: skip
# by command and name, or by name alone
_VALUES = {
    "cell": "lstm", "nonlinearity": "relu", "input_size": "3", "hidden_size": "4",
    "num_layers": "2", "proj_size": "2", "dropout": "0.5", "batch_size": "3", "seq_len": "4",
    "lengths": "5,3,2", "spec": "spec.json", "output_size": "6", "output_activation": "softmax",
    "output_at": "last", "layer": "0", "direction": "forward", "step": "1", "weights": "w.npz",
    "module": "rnn", "input": "input.npy", "h0": "h0.npy", "c0": "c0.npy", "seed": "1",
    "dtype": "float64", "form": "encoder-decoder", "target_len": "4", "decoder_layers": "1",
    "decoder_hidden_size": "8", "html": "page.html", "framework": "keras", "of": "layer",
    "sample": "1", "bridge": "sum", "samples": "20", "test_batch_size": "2", "theme": "dark",
    "format": "mermaid", "to": "keras", "source": "w.npz", "target": "to.npz", "file": "w.npz",
    "model": "w.npz", "text": "RuntimeError: Expected hidden size (1, 3, 20), got [1, 7, 20]",
    ("check", "input"): "5,7,10", ("check", "h0"): "1,7,20", ("check", "c0"): "1,7,20",
    ("check", "output"): "5,7,20", ("check", "hn"): "1,7,20", ("check", "cn"): "1,7,20",
    ("check", "code"): "out, hn = rnn(x)", ("forms", "code"): "many-to-one",
    ("check", "file"): "out.txt", ("pick", "file"): "out.txt", ("run", "output"): "out.npz",
    ("schema", "name"): "trace",
}  # fmt: skip


def choices(option: Option) -> tuple[str, ...]:
    """The words that an option takes, where it takes some alone."""
    listed = tuple(option.metavar.split("|")) if "|" in option.metavar else ()
    return _CHOICES.get(option.name, listed)


def sample(command: str, option: Option) -> str:
    """A value that suits an option, whether or not it is known here."""
    known = _VALUES.get((command, option.name), _VALUES.get(option.name))
    if known is not None:
        return known
    if "-o" in option.words:
        return "out.txt"
    if "|" in option.metavar:
        return option.metavar.split("|")[-1]
    if re.fullmatch("[A-Z]", option.metavar):
        return "3"
    if option.metavar == "SHAPE":
        return "5,7,10"
    if option.metavar.endswith(".npy"):
        return "input.npy"
    if option.kind is int or option.kind is float:
        return "2"
    return option.metavar.lower() or "x"


def write_files(folder: Path) -> None:
    """The files that the values name: a network nn.RNN(10, 20) and what it is called with."""
    from rnnshape import Spec

    draw = np.random.default_rng(5).standard_normal
    shapes = {"input": (5, 7, 10), "h0": (1, 7, 20), "c0": (1, 7, 20)}
    for name, shape in shapes.items():
        np.save(folder / f"{name}.npy", draw(shape).astype("float32"))
    weights = {f"rnn.{name}": draw(s).astype("float32") for name, s in Spec().parameters().items()}
    np.savez(folder / "w.npz", **weights)
    spec = {"cell": "gru", "input_size": 6, "hidden_size": 8}
    (folder / "spec.json").write_text(json.dumps({"spec": spec}))
