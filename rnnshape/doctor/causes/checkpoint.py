"""A checkpoint that does not fit its module: which network does the file hold?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ...network.constructor import GATES
from ...network.dims import json_shape
from ..code import RECURRENT, Call, Mend, parse, with_argument, with_arguments
from ..program import Layer
from .base import SIZES, Facts, Finding, Proof, attempt, fitting, rule

LOADING = re.compile(r"Error\(s\) in loading state_dict for (\w{1,100}):")
_SIZE = re.compile(
    rf"size mismatch for (\S{{1,300}}): copying a param with shape {SIZES} from checkpoint, "
    rf"the shape in current model is {SIZES}"
)
_OLD_SIZE = re.compile(
    r"While copying the parameter named \"?(\S{1,300}?)\"?, whose dimensions in the model are "
    r"torch\.Size\(\[([\d, ]{0,200})\]\) and whose dimensions in the checkpoint are "
    r"torch\.Size\(\[([\d, ]{0,200})\]\)"
)
_KEYS = re.compile(r"(Missing|Unexpected) key\(s\) in state_dict: ([^\n]{0,60000})")
_NAME = re.compile(r"(.*\.|)(weight|bias)_(ih|hh|hr)_l(\d{1,6})(_reverse)?\Z")
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "state_dicts", "model_state")
_PARALLEL = "module."

Sizes = tuple[int, ...]


class Differences:
    """What the message lists: names missing in the file, names unknown to the model, sizes."""

    def __init__(self, message: str) -> None:
        keys: dict[str, list[str]] = {"Missing": [], "Unexpected": []}
        for kind, names in _KEYS.findall(message):
            keys[kind] += re.findall(r'"([^"\n]{1,300})"', names)
        self.missing, self.unexpected = keys["Missing"], keys["Unexpected"]
        self.in_file: dict[str, Sizes] = {}
        self.in_model: dict[str, Sizes] = {}
        for name, file, model in _SIZE.findall(message):
            self.in_file[name], self.in_model[name] = _sizes(file), _sizes(model)
        for name, model, file in _OLD_SIZE.findall(message):
            self.in_file[name], self.in_model[name] = _sizes(file), _sizes(model)

    def prefix(self) -> str | None:
        """The recurrent layer concerned: the part of its names before weight_ih_l0."""
        for name in (*self.in_file, *self.missing, *self.unexpected):
            match = _NAME.match(name)
            if match:
                return match.group(1)
        return None


def _sizes(text: str) -> Sizes:
    return tuple(int(part) for part in text.split(",") if part.strip())


def implied(
    differences: Differences, prefix: str, cell: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the file's, the model's) arguments as far as the differences tell them.

    cell: the model's cell where it is known, else ''.
    """
    file: dict[str, Any] = {}
    model: dict[str, Any] = {}
    missing = _parts(differences.missing, prefix)
    unexpected = _parts(differences.unexpected, prefix)
    for names, lacks, has in ((missing, file, model), (unexpected, model, file)):
        weights = {(kind, layer, back) for what, kind, layer, back in names if what == "weight"}
        forward = sorted(layer for kind, layer, back in weights if kind == "ih" and not back)
        if forward and forward[0] > 0:
            lacks["num_layers"], has["num_layers"] = forward[0], forward[-1] + 1
        if any(back and kind == "ih" and layer not in forward for kind, layer, back in weights):
            lacks["bidirectional"], has["bidirectional"] = False, True
        if any(
            what == "bias" and kind == "ih" and ("ih", layer, back) not in weights
            for what, kind, layer, back in names
        ):
            lacks["bias"], has["bias"] = False, True
        if any(
            kind == "hr" and ("ih", layer, back) not in weights for kind, layer, back in weights
        ):
            lacks["proj_size"] = 0
            has["proj_size"] = None
    listed = _parts([*differences.missing, *differences.unexpected, *differences.in_file], prefix)
    if any(part[3] for part in listed) and "bidirectional" not in file:
        file["bidirectional"] = model["bidirectional"] = True
    if "num_layers" not in file and any(part[2] for part in listed):
        file["num_layers"] = model["num_layers"] = 1 + max(part[2] for part in listed)
    _from_sizes(differences, prefix, cell, file, model)
    return file, model


def _parts(names: Iterable[str], prefix: str) -> list[tuple[str, str, int, bool]]:
    found = []
    for name in names:
        match = _NAME.match(name)
        if match and match.group(1) == prefix:
            found.append((match[2], match[3], int(match[4]), bool(match[5])))
    return found


def _from_sizes(
    differences: Differences, prefix: str, cell: str, file: dict[str, Any], model: dict[str, Any]
) -> None:
    for arguments, shapes in ((model, differences.in_model), (file, differences.in_file)):
        shape = {name.removeprefix(prefix): size for name, size in shapes.items()
                 if name.startswith(prefix)}  # fmt: skip
        hh, ih = shape.get("weight_hh_l0"), shape.get("weight_ih_l0")
        gates = GATES.get(model.get("cell", cell) or "", 0)
        projected = arguments.get("proj_size", 0) != 0 or "weight_hr_l0" in shape
        if hh and len(hh) == 2 and hh[1]:
            if projected or (gates and hh[0] % gates == 0 and hh[0] // gates > hh[1] and
                             cell == "lstm"):  # fmt: skip
                arguments["proj_size"] = hh[1]
                if gates:
                    arguments["hidden_size"] = hh[0] // gates
            else:
                arguments["hidden_size"] = hh[1]
                gates = hh[0] // hh[1] if hh[0] % hh[1] == 0 else gates
                for name, count in GATES.items():
                    if count == gates:
                        arguments["cell"] = name
        elif ih and gates and ih[0] % gates == 0:
            arguments["hidden_size"] = ih[0] // gates
        if ih and len(ih) == 2:
            arguments["input_size"] = ih[1]


@rule(
    "checkpoint-mismatch", LOADING, _SIZE, _OLD_SIZE, _KEYS,
    meaning="the checkpoint holds another network than the one built: its shapes tell which",
    example="RuntimeError: Error(s) in loading state_dict for LSTM:\n\tsize mismatch for "
    "weight_ih_l0: copying a param with shape torch.Size([256, 168]) from checkpoint, the shape in "
    "current model is torch.Size([256, 100]).",
)  # fmt: skip
def other_network(facts: Facts) -> Finding | None:
    """Sizes that differ, layers or directions that one side alone has."""
    differences = Differences(facts.error.message)
    prefix = differences.prefix()
    if prefix is None:
        return _other_sizes(facts, differences)
    layer = _layer(facts, prefix)
    cell = _cell(facts, prefix, layer)
    file, model = implied(differences, prefix, cell)
    model.setdefault("cell", cell)
    wanted = {k: v for k, v in file.items() if v is not None and v != model.get(k)}
    if not wanted:
        return None
    words = ", ".join(f"{k}={v}" for k, v in wanted.items() if k != "cell")
    kind = f"an nn.{wanted['cell'].upper()}" if "cell" in wanted else ""
    said = " and ".join(part for part in (kind, words) if part)
    had = ", ".join(f"{k}={model[k]}" for k in wanted if k != "cell" and model.get(k) is not None)
    return Finding(
        0.93,
        f"By the names and shapes of its parameters, the checkpoint holds {said}; the model was "
        f"built {f'with {had}' if had else 'otherwise'}." + _other_cells(facts, differences, layer),
        "Build the model as it was when the checkpoint was saved, then load. strict=False passes "
        "over missing and unexpected names, never over sizes.",
        _rebuilt(facts, layer, wanted, prefix),
        attempt(lambda: _network_proof(facts, differences, prefix, file, model)),
    )


def _other_sizes(facts: Facts, differences: Differences) -> Finding | None:
    if not differences.in_file:
        return None
    name, size = next(iter(differences.in_file.items()))
    kind = name.rsplit(".", 1)[0]
    layer = facts.program.layer(kind, ("Linear",))
    mend = Mend(f"{kind} = nn.Linear({size[-1]}, {size[0]})")
    if len(size) != 2:
        mend = Mend(f"# build {kind} so that its parameter is {list(size)}")
    if layer is not None and len(size) == 2:
        mend = facts.rebuilt(layer, {"in_features": size[1], "out_features": size[0]})
    return Finding(
        0.7,
        f"{name} is {list(size)} in the checkpoint and {list(differences.in_model[name])} in the "
        "model.",
        "Build the model as it was when the checkpoint was saved, or leave this layer out of what "
        "is loaded.",
        mend,
        fitting({"model": list(differences.in_model[name]), "checkpoint": list(size)},
                {"model": list(size), "checkpoint": list(size)}),
    )  # fmt: skip


def _layer(facts: Facts, prefix: str) -> Layer | None:
    name = prefix.rstrip(".") or _loading(facts).callee.removesuffix(".load_state_dict")
    return facts.program.layer(name, RECURRENT)


def _cell(facts: Facts, prefix: str, layer: Layer | None) -> str:
    """The model's cell: stated, built so, the class that loads, or the layer's own name."""
    if layer is not None:
        return layer.kind.lower()
    if facts.cell:
        return facts.cell
    match = LOADING.search(facts.error.message)
    texts = [match.group(1) if match else "", prefix]
    return next((c for text in texts for c in ("lstm", "gru", "rnn") if c in text.lower()), "")


def _other_cells(facts: Facts, differences: Differences, layer: Layer | None) -> str:
    """What the rows of weight_ih alone may mean, where nothing but a name such as `rnn` tells."""
    prefix = differences.prefix() or ""
    rows = differences.in_file.get(f"{prefix}weight_ih_l0", (0,))[0]
    match = LOADING.search(facts.error.message)
    sure = layer is not None or facts.cell or (match and match[1] in RECURRENT)
    named = "lstm" in prefix.lower() or "gru" in prefix.lower()
    if sure or named or f"{prefix}weight_hh_l0" in differences.in_file:
        return ""
    if rows == differences.in_model.get(f"{prefix}weight_ih_l0", (0,))[0]:
        return ""
    cells = ("lstm", "gru")
    others = [f"{rows // GATES[cell]} of an nn.{cell.upper()}" for cell in cells
              if rows % GATES[cell] == 0]  # fmt: skip
    return f" The hidden_size is that of an nn.RNN; it is {' and '.join(others)}." if others else ""


def _rebuilt(facts: Facts, layer: Layer | None, wanted: dict[str, Any], prefix: str) -> Mend:
    if layer is not None and "cell" not in wanted:
        return facts.rebuilt(layer, wanted, everywhere=True)
    name = prefix.rstrip(".") or wanted.get("cell") or "rnn"
    kind = (wanted.get("cell") or _cell(facts, prefix, layer) or "rnn").upper()
    if layer is not None:
        other = parse(layer.statement.edited((layer.call.func, f"nn.{kind}")))
        place = list(layer.statement.calls()).index(layer.call)
        assert other is not None
        given = {
            key: (layer.position(key), str(value)) for key, value in wanted.items() if key != "cell"
        }
        return layer.statement.mend(with_arguments(other, list(other.calls())[place], given))
    others = "".join(
        f", {key}={value}" for key, value in wanted.items()
        if key not in ("cell", "input_size", "hidden_size")
    )  # fmt: skip
    sizes = [str(wanted.get(key, key)) for key in ("input_size", "hidden_size")]
    return Mend(f"{name} = nn.{kind}({', '.join(sizes)}{others})")


def _network_proof(
    facts: Facts, differences: Differences, prefix: str, file: dict[str, Any], model: dict[str, Any]
) -> Proof:
    """The parameters of the mended network beside those of the checkpoint."""
    layer = _layer(facts, prefix)
    base: dict[str, Any] = {"cell": _cell(facts, prefix, layer) or "rnn"}
    base |= {k: v for k, v in model.items() if v is not None}
    mended = {**base, **{k: v for k, v in file.items() if v is not None}}
    bias = mended.pop("bias", True)
    spec = replace(facts.network(**mended), bias=bias)
    built = spec.parameters()
    named = {prefix + name: json_shape(shape) for name, shape in built.items()}
    listed = {name: list(size) for name, size in differences.in_file.items()
              if name.startswith(prefix)}  # fmt: skip
    ours = [n for n in (*differences.missing, *differences.unexpected) if n.startswith(prefix)]
    fits = all(named.get(name) == size for name, size in listed.items()) and all(
        (name in named) == (name in differences.unexpected) for name in ours if _NAME.match(name)
    )
    shown = list(listed)[:8]
    return {
        "before": {"network": None, "model": {n: list(differences.in_model[n]) for n in shown},
                   "checkpoint": {n: listed[n] for n in shown}, "missing": differences.missing[:8],
                   "unexpected": differences.unexpected[:8], "fits": False},
        "after": {"network": str(spec), "model": {n: named.get(n) for n in shown}, "fits": fits},
    }  # fmt: skip


@rule(
    "missing-keys", LOADING, _KEYS,
    meaning="the checkpoint's names have another prefix, or lie one level deeper in the file",
    example='RuntimeError: Error(s) in loading state_dict for LSTM:\n\tMissing key(s) in '
    'state_dict: "weight_ih_l0". \n\tUnexpected key(s) in state_dict: "module.weight_ih_l0". ',
)  # fmt: skip
def other_names(facts: Facts) -> Finding | None:
    """The same parameters under other names."""
    differences = Differences(facts.error.message)
    missing, unexpected = differences.missing, differences.unexpected
    lone = not missing and bool(unexpected) and all(n.startswith(_PARALLEL) for n in unexpected)
    if lone:  # what the model calls them is not told, and sure all the same
        missing = [name.removeprefix(_PARALLEL) for name in unexpected]
    if not missing or not unexpected:
        if differences.in_file or not (missing or unexpected):
            return None
        return _left_out(_loading(facts), missing, unexpected)
    call = _loading(facts)
    state = call.text(call.input, "state")
    wrapper = next((name for name in _WRAPPERS if name in unexpected), None)
    if wrapper:
        return _named(
            0.95,
            f'The file holds a dict around the parameters; they are under "{wrapper}".',
            f'Load checkpoint["{wrapper}"].',
            call.mend((call.input, f'{state}["{wrapper}"]')),
            missing, unexpected, missing,
        )  # fmt: skip
    changed = _renaming(missing, unexpected)
    if changed is None:
        return None
    old, new, form, renamed = changed
    where = f'carry the prefix "{old}"' if old else f'lack the prefix "{new}"'
    if old.startswith("_") or new.startswith("_"):
        where = f'end in "{old}" where the model has "{new}"'
    why = ' nn.DataParallel adds "module." when it saves.' if old == _PARALLEL else ""
    found = _named(
        0.95,
        f"The names in the checkpoint {where}; otherwise they are the model's.{why}",
        "Rename the keys while loading, or save model.module.state_dict().",
        call.mend((call.input, form.format(state))),
        missing, unexpected, renamed,
    )  # fmt: skip
    return found._replace(proof=None) if lone else found


def _left_out(call: Call, missing: list[str], unexpected: list[str]) -> Finding:
    """Names on one side alone, which no other network explains."""
    side = "the file lacks" if missing else "the model lacks"
    names = missing or unexpected
    return Finding(
        0.4,
        f"{len(names)} names that {side}, such as {names[0]}; the others fit.",
        "If that is meant, strict=False loads the rest; what the file lacks keeps its random "
        "beginning.",
        call.instead(with_argument(call.statement, call.node, 1, "strict", "False")),
        fitting({"missing": missing[:8], "unexpected": unexpected[:8]},
                {"names": [], "strict": False}),
    )  # fmt: skip


def _loading(facts: Facts) -> Call:
    """The call of load_state_dict."""
    line = "model.load_state_dict(state)"
    return facts.call(line, lambda call: call.callee.endswith("load_state_dict"))


def _named(
    sure: float, why: str, fix: str, mend: Mend, missing: list[str], unexpected: list[str],
    renamed: list[str],
) -> Finding:  # fmt: skip
    fits = set(renamed) <= set(missing)
    proof = {
        "before": {"missing": missing[:8], "unexpected": unexpected[:8], "fits": False},
        "after": {"names": renamed[:8], "fits": fits},
    }
    return Finding(sure, why, fix, mend, proof)


def _renaming(missing: list[str], unexpected: list[str]) -> tuple[str, str, str, list[str]] | None:
    """(what the file's names have, what they lack, the code that renames, the names it makes)."""
    first = missing[0]
    for name in unexpected:
        if name.endswith(first) and name != first:
            old = name[: -len(first)]
            inside = [n for n in unexpected if n.startswith(old)]
            keep = "" if len(inside) == len(unexpected) else f" if k.startswith({old!r})"
            form = f"{{{{k.removeprefix({old!r}): v for k, v in {{0}}.items(){keep}}}}}"
            return old, "", form, [n.removeprefix(old) for n in inside]
        if first.endswith(name) and name != first:
            new = first[: -len(name)]
            form = f"{{{{{new!r} + k: v for k, v in {{0}}.items()}}}}"
            return "", new, form, [new + n for n in unexpected]
        if first == f"{name}_l0":
            form = '{{k + "_l0": v for k, v in {0}.items()}}'
            return "", "_l0", form, [f"{n}_l0" for n in unexpected]
        if name == f"{first}_l0":
            form = '{{k.removesuffix("_l0"): v for k, v in {0}.items()}}'
            return "_l0", "", form, [n.removesuffix("_l0") for n in unexpected]
    return None


@rule(
    "checkpoint-mismatch",
    r"Expected state_dict to be dict-like, got <class '([\w.]{1,200})'>",
    r"'(\w{1,60})' object has no attribute '(?:copy|items|_metadata)'",
    meaning="load_state_dict was given something else than a state_dict",
    example="TypeError: Expected state_dict to be dict-like, got <class "
    "'torch.nn.modules.rnn.LSTM'>.",
)
def not_a_state_dict(facts: Facts) -> Finding | None:
    """A whole module, or a list."""
    call = _loading(facts)
    kind = facts.match.group(1)
    module = "." in kind or kind[:1].isupper()
    form = "{0}.state_dict()" if module else "dict(zip(" + call.callee.removesuffix(
        ".load_state_dict") + ".state_dict(), {0}))"  # fmt: skip
    return Finding(
        0.9 if "state_dict" in facts.match.group(0) else 0.4,
        f"load_state_dict wants a dict of name → tensor and was given a {kind.rsplit('.', 1)[-1]}"
        + (": the whole module was saved." if module else "."),
        "Load module.state_dict()." if module else "Save model.state_dict(), which has the names.",
        call.with_input(form),
        fitting({"type": kind}, {"type": "dict"}),
    )
