"""Mends of checkpoints that do not load: names, prefixes, and the network that was built."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ...network.constructor import KINDS, positional_names
from .maker import Candidate, put, raised
from .place import Scene, Spot, class_name, default_of, parameters
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
            yield put(
                name,
                f'give it the part of the checkpoint that begins with "{prefix}"',
                source,
                call.args[0],
                text,
            )
    for prefix in _ends(_common(missing)):
        if {k.removeprefix(prefix) for k in missing} & set(unexpected):
            fix = f'the names of the model begin with "{prefix}": put it before those of the checkpoint'
            text = f'{{"{prefix}" + k: v for k, v in {given}.items()}}'
            yield put(name, fix, source, call.args[0], text)
    for key in ("state_dict", "model_state_dict", "model", "net", "weights"):
        if key in unexpected or any(k == key for k in unexpected):
            yield put(
                name, f'the weights lie under "{key}"', source, call.args[0], f'{given}["{key}"]'
            )


def _common(names: list[str]) -> str:
    """The beginning that all names have."""
    if not names:
        return ""
    first, last = min(names), max(names)
    size = next(
        (i for i, (a, b) in enumerate(zip(first, last)) if a != b), min(len(first), len(last))
    )
    return first[:size]


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
    safe = all(not k.startswith(new + ".") for new, _ in pairs for k in unexpected)
    if safe:
        yield put(
            "checkpoint-mismatch",
            f"rename what was renamed: {told}",
            source,
            call.args[0],
            f"{{{key}: v for k, v in {given}.items()}}",
        )


def _rebuilt(scene: Scene, call: ast.Call) -> Iterator[Candidate | None]:
    """The network built as the one that was saved: other arguments of its constructor."""
    if not isinstance(call.func, ast.Attribute):
        return
    numbers = _numbers(scene.message)
    fix = "build the network that the checkpoint holds"
    built = [s for s in scene.spots(call.func.value) if isinstance(s.node, ast.Call)]
    singles: list[tuple[str, object]] = []
    for spot in built:
        node = spot.node
        assert isinstance(node, ast.Call)
        for option in _options(scene, spot, numbers):
            singles.append((spot.source.file, option))
    for file, option in singles:
        yield Candidate("checkpoint-mismatch", fix, ((file, option),))  # type: ignore[arg-type]


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


def _options(scene: Scene, spot: Spot, numbers: list[int]) -> Iterator[object]:
    """Single changes of a constructor's arguments."""
    source, call = spot.source, spot.node
    assert isinstance(call, ast.Call)
    kind = class_name(call)
    cell = next((c for c, k in KINDS.items() if k.class_name == kind), None)
    if cell is not None:
        names = [n for n in positional_names(cell) if n not in ("device", "dtype")]
        defaults: dict[str, object] = {
            "num_layers": 1,
            "bidirectional": False,
            "bias": True,
            "proj_size": 0,
        }
        for name in names:
            node = next((k.value for k in call.keywords if k.arg == name), None)
            place = position(kind, name)
            if node is None and place is not None and place < len(call.args):
                node = call.args[place]
            value = scene.value(node, 0) if node is not None else defaults.get(name)
            for text in _other(value, numbers):
                yield source.with_argument(call, name, text, place)
        return
    for other in scene.sources.values():
        for cls in ast.walk(other.tree):
            if not isinstance(cls, ast.ClassDef) or cls.name != kind:
                continue
            init = next(
                (n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"),
                None,
            )
            if init is None:
                continue
            taken = parameters(init)[1:]
            for i, name in enumerate(taken):
                node = next((k.value for k in call.keywords if k.arg == name), None)
                if node is None and i < len(call.args):
                    node = call.args[i]
                if node is None:
                    node = default_of(init, name)
                value = scene.value(node, 0) if node is not None else None
                for text in _other(value, numbers):
                    yield source.with_argument(call, name, text, i)
            # what stands in the class itself
            for one in ast.walk(cls):
                if isinstance(one, ast.Call) and class_name(one) in {
                    k.class_name for k in KINDS.values()
                } | {"Linear", "Embedding"}:
                    for arg in (*one.args, *(k.value for k in one.keywords)):
                        if isinstance(arg, ast.Constant):
                            for text in _other(arg.value, numbers):
                                yield other.replace(arg, text)
                    if class_name(one) in ("RNN", "LSTM", "GRU"):
                        given = {k.arg for k in one.keywords}
                        for name, text in (
                            ("bidirectional", "True"),
                            *(("num_layers", str(n)) for n in numbers if n < 9),
                        ):
                            if name not in given and not (
                                name == "num_layers" and len(one.args) > 2
                            ):
                                yield other.with_argument(one, name, text, None)
                        if "bidirectional" in given:
                            removed = other.without_keyword(one, "bidirectional")
                            if removed is not None:
                                yield removed


def _other(value: object, numbers: list[int]) -> list[str]:
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int):
        return [str(n) for n in numbers if n != value]
    return []
