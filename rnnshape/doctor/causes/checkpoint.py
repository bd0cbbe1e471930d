"""A checkpoint that does not fit its module: which network does the file hold?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ...errors import UsageError
from ...network.constructor import GATES
from ...network.dims import json_shape
from .base import SIZES, Facts, Finding, Proof, rule, says

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
        shape = {
            name.removeprefix(prefix): size
            for name, size in shapes.items()
            if name.startswith(prefix)
        }
        hh, ih = shape.get("weight_hh_l0"), shape.get("weight_ih_l0")
        gates = GATES.get(model.get("cell", cell) or "", 0)
        projected = arguments.get("proj_size", 0) != 0 or "weight_hr_l0" in shape
        if hh and len(hh) == 2 and hh[1]:
            if projected or (
                gates and hh[0] % gates == 0 and hh[0] // gates > hh[1] and cell == "lstm"
            ):
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
    "checkpoint-mismatch",
    LOADING,
    _SIZE,
    _OLD_SIZE,
    _KEYS,
    example="RuntimeError: Error(s) in loading state_dict for LSTM:\n\tsize mismatch for "
    "weight_ih_l0: copying a param with shape torch.Size([256, 168]) from checkpoint, the shape in "
    "current model is torch.Size([256, 100]).",
)
def other_network(facts: Facts) -> Finding | None:
    """Sizes that differ, layers or directions that one side alone has."""
    differences = Differences(facts.error.message)
    prefix = differences.prefix()
    if prefix is None:
        if not differences.in_file:
            return None
        name, size = next(iter(differences.in_file.items()))
        model = list(differences.in_model[name])
        return Finding(0.7, f"{name} is {list(size)} in the checkpoint and {model} in the model.")
    cell = _cell(facts, prefix)
    file, model_ = implied(differences, prefix, cell)
    model_.setdefault("cell", cell)
    wanted = {k: v for k, v in file.items() if v is not None and v != model_.get(k)}
    if not wanted:
        return None
    words = ", ".join(f"{k}={v}" for k, v in wanted.items() if k != "cell")
    kind = f"an nn.{wanted['cell'].upper()}" if "cell" in wanted else ""
    said = " and ".join(part for part in (kind, words) if part)
    had = ", ".join(f"{k}={model_[k]}" for k in wanted if k != "cell" and model_.get(k) is not None)
    return Finding(
        0.93,
        f"By the names and shapes of its parameters, the checkpoint holds {said}; the model was "
        f"built {f'with {had}' if had else 'otherwise'}." + _other_cells(facts, differences),
        _network_proof(facts, differences, prefix, file, model_),
    )


def _cell(facts: Facts, prefix: str) -> str:
    """The model's cell: stated, the class that loads, or the layer's own name."""
    if facts.cell:
        return facts.cell
    match = LOADING.search(facts.error.message)
    texts = [match.group(1) if match else "", prefix]
    return next((c for text in texts for c in ("lstm", "gru", "rnn") if c in text.lower()), "")


def _other_cells(facts: Facts, differences: Differences) -> str:
    """What the rows of weight_ih alone may mean, where nothing but a name such as `rnn` tells."""
    prefix = differences.prefix() or ""
    rows = (differences.in_file.get(f"{prefix}weight_ih_l0") or (0,))[0]
    match = LOADING.search(facts.error.message)
    sure = facts.cell or (match and match[1].lower() in GATES)
    named = "lstm" in prefix.lower() or "gru" in prefix.lower()
    if sure or named or f"{prefix}weight_hh_l0" in differences.in_file:
        return ""
    if rows == (differences.in_model.get(f"{prefix}weight_ih_l0") or (0,))[0]:
        return ""
    others = [
        f"{rows // GATES[cell]} of an nn.{cell.upper()}"
        for cell in ("lstm", "gru")
        if rows % GATES[cell] == 0
    ]
    return f" The hidden_size is that of an nn.RNN; it is {' and '.join(others)}." if others else ""


def _network_proof(
    facts: Facts, differences: Differences, prefix: str, file: dict[str, Any], model: dict[str, Any]
) -> Proof | None:
    """The parameters of the mended network beside those of the checkpoint."""
    base: dict[str, Any] = {"cell": _cell(facts, prefix) or "rnn"}
    base |= {k: v for k, v in model.items() if v is not None}
    mended = {**base, **{k: v for k, v in file.items() if v is not None}}
    bias = mended.pop("bias", True)
    try:
        spec = replace(facts.network(**mended), bias=bias)
    except UsageError:
        return None
    named = {prefix + name: json_shape(shape) for name, shape in spec.parameters().items()}
    listed = {
        name: list(size) for name, size in differences.in_file.items() if name.startswith(prefix)
    }
    ours = [n for n in (*differences.missing, *differences.unexpected) if n.startswith(prefix)]
    fits = all(named.get(name) == size for name, size in listed.items()) and all(
        (name in named) == (name in differences.unexpected) for name in ours if _NAME.match(name)
    )
    if not fits:
        return None
    shown = list(listed)[:8]
    return {
        "before": {
            "network": None,
            "model": {n: list(differences.in_model[n]) for n in shown},
            "checkpoint": {n: listed[n] for n in shown},
            "missing": differences.missing[:8],
            "unexpected": differences.unexpected[:8],
            "fits": False,
        },
        "after": {"network": str(spec), "model": {n: named.get(n) for n in shown}, "fits": True},
    }


@rule(
    "missing-keys",
    LOADING,
    _KEYS,
    example="RuntimeError: Error(s) in loading state_dict for LSTM:\n\tMissing key(s) in "
    'state_dict: "weight_ih_l0". \n\tUnexpected key(s) in state_dict: "module.weight_ih_l0". ',
)
def other_names(facts: Facts) -> Finding | None:
    """The same parameters under other names."""
    differences = Differences(facts.error.message)
    missing, unexpected = differences.missing, differences.unexpected
    if not missing and unexpected and all(n.startswith(_PARALLEL) for n in unexpected):
        # what the model calls them is not told, and sure all the same
        missing = [name.removeprefix(_PARALLEL) for name in unexpected]
    if not missing or not unexpected:
        if differences.in_file or not (missing or unexpected):
            return None
        side = "the file lacks" if missing else "the model lacks"
        names = missing or unexpected
        return Finding(0.4, f"{len(names)} names that {side}, such as {names[0]}; the others fit.")
    wrapper = next((name for name in _WRAPPERS if name in unexpected), None)
    if wrapper:
        return Finding(
            0.95, f'The file holds a dict around the parameters; they are under "{wrapper}".'
        )
    changed = _renaming(missing, unexpected)
    if changed is None:
        said = f"The model wants names such as {missing[0]}; the file has {unexpected[0]}."
        return None if differences.in_file else Finding(0.3, said)
    old, new = changed
    where = f'carry the prefix "{old}"' if old else f'lack the prefix "{new}"'
    if old.startswith("_") or new.startswith("_"):
        where = f'end in "{old}" where the model has "{new}"'
    why = ' nn.DataParallel adds "module." when it saves.' if old == _PARALLEL else ""
    return Finding(
        0.95, f"The names in the checkpoint {where}; otherwise they are the model's.{why}"
    )


def _renaming(missing: list[str], unexpected: list[str]) -> tuple[str, str] | None:
    """What the file's names have, and what they lack."""
    first = missing[0]
    for name in unexpected:
        if name.endswith(first) and name != first:
            return name[: -len(first)], ""
        if first.endswith(name) and name != first:
            return "", first[: -len(name)]
        if first == f"{name}_l0":
            return "", "_l0"
        if name == f"{first}_l0":
            return "_l0", ""
    return None


old_key = says(
    "missing-keys",
    r"unexpected key \"([^\"\n]{1,300})\" in state_dict",
    r"missing keys in state_dict: ",
    example="KeyError: 'unexpected key \"module.rnn.weight_ih_l0\" in state_dict'",
    confidence=0.6,
)


@rule(
    "checkpoint-mismatch",
    r"Expected state_dict to be dict-like, got <class '([\w.]{1,200})'>",
    example="TypeError: Expected state_dict to be dict-like, got <class 'torch.nn.modules.rnn.LSTM'>.",
)
def not_a_state_dict(facts: Facts) -> Finding | None:
    """A whole module, or a list."""
    kind = facts.match.group(1).rsplit(".", 1)[-1]
    return Finding(0.9, f"load_state_dict wants a dict of name → tensor and was given a {kind}.")


foreign = says(
    "checkpoint-mismatch",
    r"invalid load key, ",
    r"Weights only load failed",
    r"PytorchStreamReader failed",
    example="_pickle.UnpicklingError: invalid load key, '<'.",
    confidence=0.5,
)
