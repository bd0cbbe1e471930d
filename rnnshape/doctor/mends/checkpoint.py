"""Mends of checkpoints that do not load: names, prefixes, and the network that was built."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ...network.constructor import KINDS, positional_names
from ..edits import Change, Source
from .maker import Candidate, change, put, raised
from .place import (
    LAYERS,
    Scene,
    argument_at,
    arguments_of,
    calls_in,
    class_name,
    default_of,
    keywords_of,
    parameters,
)
from .state import position

_QUOTED = re.compile(r'"([^"\n]{1,300})"')
_SIZES = re.compile(
    r"size mismatch for ([^:\n]{1,300}): copying a param with shape torch\.Size\(\[([\d, ]*)\]\) from checkpoint, "
    r"the shape in current model is torch\.Size\(\[([\d, ]*)\]\)"
)
MOST_NUMBERS = 16


@raised(r"Error\(s\) in loading state_dict")
def loading(scene: Scene) -> Iterator[Candidate | None]:
    """What load_state_dict refuses."""
    call = scene.call
    if call is None or not call.args:
        return
    missing, unexpected = _keys(scene.message, "Missing"), _keys(scene.message, "Unexpected")
    yield from _prefixes(scene, call, missing, unexpected)
    yield from _renamed(scene, call, missing, unexpected)
    yield from _rebuilt(scene, call)


def _keys(message: str, kind: str) -> list[str]:
    match = re.search(rf"{kind} key\(s\) in state_dict: (.*)", message)
    return _QUOTED.findall(match.group(1)) if match else []


def _prefixes(
    scene: Scene, call: ast.Call, missing: list[str], unexpected: list[str]
) -> Iterator[Candidate | None]:
    """One prefix too many, or one too few."""
    source = scene.source
    given = source.segment(call.args[0])
    name = "missing-keys"
    common = _common(unexpected)
    for prefix in _ends(common):
        if set(missing) & {k.removeprefix(prefix) for k in unexpected} or not missing:
            text = f'{{k.removeprefix("{prefix}"): v for k, v in {given}.items()}}'
            fix = f'the names of the checkpoint begin with "{prefix}": take it off'
            yield put(name, fix, source, call.args[0], text)
            text = f'{{k.removeprefix("{prefix}"): v for k, v in {given}.items() if k.startswith("{prefix}")}}'
            yield put(name, fix, source, call.args[0], text)
    for prefix in {k.split(".", 1)[0] + "." for k in unexpected if "." in k}:
        inner = {k.removeprefix(prefix) for k in unexpected if k.startswith(prefix)}
        if inner & set(missing):
            text = f'{{k.removeprefix("{prefix}"): v for k, v in {given}.items() if k.startswith("{prefix}")}}'
            fix = f'give it the part of the checkpoint that begins with "{prefix}"'
            yield put(name, fix, source, call.args[0], text)
    for prefix in _ends(_common(missing)):
        if {k.removeprefix(prefix) for k in missing} & set(unexpected):
            fix = f'the names of the model begin with "{prefix}": put it before those of the checkpoint'
            text = f'{{"{prefix}" + k: v for k, v in {given}.items()}}'
            yield put(name, fix, source, call.args[0], text)
    for key in ("state_dict", "model_state_dict", "model", "net", "weights"):
        if key in unexpected:
            fix = f'the weights lie under "{key}"'
            yield put(name, fix, source, call.args[0], f'{given}["{key}"]')


def _common(names: list[str]) -> str:
    """The beginning that all names have."""
    if not names:
        return ""
    first, last = min(names), max(names)
    pairs = enumerate(zip(first, last))
    return first[: next((i for i, (a, b) in pairs if a != b), min(len(first), len(last)))]


def _ends(common: str) -> list[str]:
    """The prefixes of a common beginning that end with a dot, the longest first."""
    return [common[: i + 1] for i in range(len(common) - 1, -1, -1) if common[i] == "."]


def _renamed(
    scene: Scene, call: ast.Call, missing: list[str], unexpected: list[str]
) -> Iterator[Candidate | None]:
    """Modules that were called otherwise when the checkpoint was saved."""
    groups: dict[str, set[str]] = {}
    others: dict[str, set[str]] = {}
    for keys, found in ((missing, groups), (unexpected, others)):
        for key in keys:
            parts = key.split(".")
            for i in range(1, len(parts)):
                found.setdefault(".".join(parts[:i]), set()).add(".".join(parts[i:]))
    pairs: list[tuple[str, str]] = []
    used: set[str] = set()
    for new, tails in groups.items():
        if any(new.startswith(n + ".") for n, _ in pairs):
            continue
        for old, rest in others.items():
            if rest == tails and old not in used and not any(old.startswith(u + ".") for u in used):
                pairs.append((new, old))
                used.add(old)
                break
    if not pairs:
        return
    source = scene.source
    given = source.segment(call.args[0])
    key = "k"
    for new, old in pairs:
        key = f'{key}.replace("{old}.", "{new}.", 1)'
    told = ", ".join(f'"{old}" is called "{new}" here' for new, old in pairs)
    if all(not k.startswith(new + ".") for new, _ in pairs for k in unexpected):
        fix, text = f"rename what was renamed: {told}", f"{{{key}: v for k, v in {given}.items()}}"
        yield put("checkpoint-mismatch", fix, source, call.args[0], text)


def _rebuilt(scene: Scene, call: ast.Call) -> Iterator[Candidate | None]:
    """The network built as the one that was saved: other arguments of its constructor."""
    if not isinstance(call.func, ast.Attribute):
        return
    numbers = _numbers(scene.message)
    fix = "build the network that the checkpoint holds"
    for spot in scene.spots(call.func.value):
        if isinstance(spot.node, ast.Call):
            for option in _options(scene, spot.source, spot.node, numbers):
                yield change("checkpoint-mismatch", fix, spot.source, option)


def _numbers(message: str) -> list[int]:
    """Sizes that the checkpoint may have been built with."""
    found: list[int] = []
    layers = [int(n) for n in re.findall(r"_l(\d{1,3})(?:_reverse)?\"", message)]
    for _, saved, there in _SIZES.findall(message):
        old = [int(n) for n in saved.split(",") if n.strip()]
        new = [int(n) for n in there.split(",") if n.strip()]
        for a, b in zip(old, new):
            if a != b:
                found += [a // g for g in (1, 4, 3, 2, 8, 6) if a % g == 0]
    for layer in layers:
        found += [layer + 1, layer]
    return [n for n in dict.fromkeys(found) if n > 0][:MOST_NUMBERS]


def _options(
    scene: Scene, source: Source, call: ast.Call, numbers: list[int]
) -> Iterator[Change | None]:
    """Single changes of a constructor's arguments."""
    kind = class_name(call)
    cell = next((c for c, k in KINDS.items() if k.class_name == kind), None)
    if cell is not None:
        defaults = {"num_layers": 1, "bidirectional": False, "bias": True, "proj_size": 0}
        for name in positional_names(cell):
            if name in ("device", "dtype"):
                continue
            place = position(kind, name)
            node = argument_at(call, name, place)
            value = scene.value(node, 0) if node is not None else defaults.get(name)
            for text in _other(value, numbers):
                yield source.with_argument(call, name, text, place)
        return
    modules = [k.class_name for k in KINDS.values()] + ["Linear", "Embedding"]
    for other in scene.sources.values():
        for cls in ast.walk(other.tree):
            if not isinstance(cls, ast.ClassDef) or cls.name != kind:
                continue
            functions = [n for n in cls.body if isinstance(n, ast.FunctionDef)]
            init = next((n for n in functions if n.name == "__init__"), None)
            if init is None:
                continue
            for i, name in enumerate(parameters(init)[1:]):
                node = argument_at(call, name, i) or default_of(init, name)
                for text in _other(scene.value(node, 0), numbers):
                    yield source.with_argument(call, name, text, i)
            for one in calls_in(cls, *modules):  # what stands in the class itself
                for arg in arguments_of(one):
                    if isinstance(arg, ast.Constant):
                        for text in _other(arg.value, numbers):
                            yield other.replace(arg, text)
                if class_name(one) in LAYERS:
                    if not keywords_of(one, "bidirectional"):
                        yield other.with_argument(one, "bidirectional", "True", None)
                    if not keywords_of(one, "num_layers") and len(one.args) <= 2:
                        for number in (n for n in numbers if n < 9):
                            yield other.with_argument(one, "num_layers", str(number), None)
                    yield other.without_keyword(one, "bidirectional")


def _other(value: object, numbers: list[int]) -> list[str]:
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int):
        return [str(n) for n in numbers if n != value]
    return []
