"""Mends that were tried: an edit is applied to the text, and the program followed again."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from ...errors import UsageError
from ...programs.follow import Followed, Request, follow
from ...programs.record import Event, calls_layer
from ...programs.source import source_of
from ...programs.tensor import Tensor
from ...programs.values import Instance
from ..edits import Change, Edit, Source, edits_between
from . import batches, checkpoint, inputs, results, silent, state
from .maker import RAISED, SILENT, Candidate
from .place import NUMBER, Frame, Scene, is_recurrent, own_node

__all__ = ["Mend", "Trial", "batches", "checkpoint", "inputs", "results", "silent", "state"]

_CHECKS = ("also be", "input.size(-1)", "Expected hidden")  # of a layer's call, in torch's order
_LOADING = "Error(s) in loading state_dict"
MOST_TRIED = 160  # programs that are followed for one problem
MOST_STEPS = 300_000  # steps of the interpreter, over all of them; reading costs a step for 4 signs
MOST_SHOWN = 3
MOST_AFTER = 16  # more that are tried once a mend is found
RESHAPES = ("view-size", "cat-axis", "attention-axes", "axes-mixed")
DEEPEST = 3  # mends on top of each other, where one makes way for another problem


@dataclass(frozen=True)
class Mend:
    """A mend that was proved: of which cause, in words, as whole lines before and after."""

    id: str
    fix: str
    edits: tuple[Edit, ...]
    followed: Followed = field(repr=False, compare=False)


@dataclass
class _Budget:
    tried: int = MOST_TRIED
    steps: int = MOST_STEPS

    @property
    def left(self) -> bool:
        return self.tried > 0 and self.steps > 0


class Trial:
    """A program that was followed, and what can be tried on it.

    warnings: gives the silent mistakes of a program that was followed, each with id and place.
    """

    def __init__(self, request: Request, followed: Followed, warnings: Any) -> None:
        self.request, self.followed, self.warnings = request, followed, warnings
        self._budget = _Budget()

    def texts(self, followed: Followed) -> dict[str, str]:
        """The text of every file that was read."""
        return {name: source.text for name, source in followed.sources.items()}

    # ----------------------------------------------------------------------------- what fails

    def problem(self) -> list[Mend]:
        """The mends of what the program would raise, the likeliest first, one of each cause."""
        self._budget = _Budget()
        found: list[Mend] = []
        for mend in self._mended(self.followed, self._texts0, DEEPEST):
            if all(mend.id != one.id for one in found):
                found.append(mend)
            self._budget.tried = min(self._budget.tried, MOST_AFTER)
            if len(found) >= MOST_SHOWN:
                break
        for finding in () if found else self.warnings(self.followed):
            for mend in self._silent(self.followed, self._texts0, finding, 1):
                if mend.followed.problem is None:  # what goes wrong in silence before made it
                    return [replace(mend, id=finding.id)]
        return found

    def warning(self, finding: Any) -> list[Mend]:
        """The mends of a silent mistake."""
        self._budget = _Budget()
        for mend in self._silent(self.followed, self._texts0, finding, DEEPEST - 1):
            return [mend]
        return []

    @property
    def _texts0(self) -> dict[str, str]:
        return self.texts(self.followed)

    def _mended(self, followed: Followed, first: Mapping[str, str], deep: int) -> Iterator[Mend]:
        """Mends of the problem of `followed`; edits are shown against the texts `first`."""
        problem = followed.problem
        if problem is None:
            return
        scene = scene_of_problem(followed)
        if scene is None:
            return
        text = f"{problem.refusal.type}: {problem.refusal.message}"
        later: list[tuple[Candidate, Followed, dict[str, str]]] = []
        alone = False  # whether a single mend does
        for candidate, texts in self._candidates(scene, followed, _raised(scene, text)):
            again = self._again(followed, texts)
            if again is None:
                continue
            if again.problem is None:
                if self._accepted(followed, again):
                    alone = True
                    yield Mend(candidate.id, candidate.fix, _edits(first, texts), again)
                elif deep > 1 and len(later) < 8:
                    later.append((candidate, again, texts))
            elif deep > 1 and len(later) < 8 and _further(followed, again):
                later.append((candidate, again, texts))
        if text.startswith(f"RuntimeError: {_LOADING}"):  # the one that leaves least undone first
            later.sort(key=lambda tried: len(_message(tried[1])))
        for candidate, again, _ in later if not alone else ():
            if again.problem is not None:
                for mend in self._mended(again, first, deep - 1):
                    if candidate.id in RESHAPES and mend.id == "feature-size":
                        continue  # a layer built for the width that a guess gave
                    if self._accepted(followed, mend.followed):
                        yield replace(mend, id=candidate.id, fix=_both(candidate.fix, mend.fix))
                        break
            else:
                for finding in self._new(followed, again)[:1]:
                    for mend in self._silent(again, first, finding, deep - 1):
                        if self._accepted(followed, mend.followed):
                            yield replace(mend, id=candidate.id, fix=_both(candidate.fix, mend.fix))
                            break

    def _silent(
        self, followed: Followed, first: Mapping[str, str], finding: Any, deep: int
    ) -> Iterator[Mend]:
        scene = scene_of_finding(followed, finding)
        if scene is None:
            return
        makers = (
            candidate for maker in SILENT.get(finding.id, ()) for candidate in _safe(maker, scene)
        )
        later: list[tuple[Candidate, Followed, dict[str, str]]] = []
        before = [_signature(followed, w) for w in self.warnings(followed)]
        mine = _signature(followed, finding)
        for candidate, texts in self._candidates(scene, followed, makers):
            again = self._again(followed, texts)
            if again is None:
                continue
            if again.problem is not None:
                if deep > 1 and followed.problem is None and len(later) < 4:
                    later.append((candidate, again, texts))
                elif not (
                    followed.problem
                    and again.problem.refusal.message == followed.problem.refusal.message
                ):
                    continue
            found = [_signature(again, w) for w in self.warnings(again)]
            touched = _touched(texts, self.texts(followed))
            gone = found.count(mine) < before.count(mine) and not any(
                w.id == finding.id and _line(again, w) in touched for w in self.warnings(again)
            )
            wrong = _wrong_axes(again)
            better = not wrong or len(wrong) < len(_wrong_axes(followed))
            same = again.problem is not None and _message(again) == _message(followed)
            kept = same and not self._new(followed, again)
            if finding.id == "loss-broadcast" and not _one_shape(again, finding, touched):
                continue
            if gone and better and (kept or self._accepted(followed, again)):
                yield Mend(candidate.id, candidate.fix, _edits(first, texts), again)
        for candidate, again, _ in later:
            for mend in self._mended(again, first, deep - 1):
                found = [_signature(mend.followed, w) for w in self.warnings(mend.followed)]
                touched = _touched(self.texts(mend.followed), self.texts(followed))
                if finding.id == "loss-broadcast" and not _one_shape(
                    mend.followed, finding, touched
                ):
                    continue
                if found.count(mine) < before.count(mine) and self._accepted(
                    followed, mend.followed
                ):
                    yield replace(mend, id=candidate.id, fix=_both(candidate.fix, mend.fix))
                    break

    def _candidates(
        self, scene: Scene, followed: Followed, made: Iterable[Candidate | None]
    ) -> Iterator[tuple[Candidate, dict[str, str]]]:
        """Each candidate once, with the texts that it gives."""
        seen: set[tuple[tuple[str, str], ...]] = set()
        for candidate in made:
            if candidate is None or not self._budget.left:
                continue
            texts = applied(scene.sources, candidate.changes)
            if texts is None:
                continue
            key = tuple(sorted(texts.items()))
            if key in seen or all(self.texts(followed).get(f) == t for f, t in texts.items()):
                continue
            seen.add(key)
            yield candidate, {**self.texts(followed), **texts}

    def _again(self, followed: Followed, texts: Mapping[str, str]) -> Followed | None:
        """The changed program, followed as the first was."""
        self._budget.tried -= 1
        source = followed.source
        try:
            changed = source_of_text(source, texts.get(source.name, source.text))
            paths = {s.path: texts[n] for n, s in followed.sources.items() if n in texts and s.path}
            request = replace(
                self.request,
                source=changed,
                entry=followed.entry or self.request.entry,
                texts=paths,
            )
            all_of = follow(request)
        except UsageError:
            return None
        finally:
            self._budget.steps -= len(source.text) // 4
        self._budget.steps -= all_of[-1].spent
        return next((f for f in all_of if f.entry == followed.entry), all_of[0])

    def _new(self, before: Followed, after: Followed) -> list[Any]:
        """The silent mistakes that were not there before."""
        old = [_signature(before, w) for w in self.warnings(before)]
        found = []
        for warning in self.warnings(after):
            mine = _signature(after, warning)
            if mine in old:
                old.remove(mine)
            else:
                found.append(warning)
        return found

    def _accepted(self, before: Followed, after: Followed) -> bool:
        """Whether nothing is wrong after a mend that was not wrong before."""
        if after.problem is not None or after.stopped is not None:
            return False
        if self._new(before, after):
            return False
        if _wrong_axes(after) - _wrong_axes(before):
            return False
        touched = _touched(self.texts(after), self.texts(before))
        return not any(
            (u.file, _text(after, u.file, u.line)) in touched for u in after.unknown if u.matters
        )


# --------------------------------------------------------------------------------------- scenes


def source_of_text(source: Any, text: str) -> Any:
    """The source with another text; a notebook's is Python already."""
    name = source.name
    if name.endswith((".ipynb", ".md")):
        return replace(source_of(text, f"{name}.py", source.path), name=name)
    return source_of(text, name, source.path)


def sources_of(followed: Followed) -> dict[str, Source]:
    """The files that were read, ready to be edited."""
    return {name: Source(name, source.text) for name, source in followed.sources.items()}


def scene_of_problem(followed: Followed) -> Scene | None:
    """Where the program fails, and what is known there."""
    problem = followed.problem
    if problem is None:
        return None
    sources = sources_of(followed)
    refusal = problem.refusal
    module = followed.seen.modules.get("", {})
    frames = [
        Frame(source, own_node(source, called.place.node), {**module, **called.names})
        for called in problem.stack
        if (source := sources.get(called.place.file)) is not None
    ]
    if not frames:
        return None
    part: ast.AST = frames[-1].node
    if problem.part is not None and problem.part.file in sources:
        part = own_node(sources[problem.part.file], problem.part.node)
    if isinstance(part, ast.Module):
        part = frames[-1].node
    if isinstance(part, ast.Module):
        return None
    return Scene(
        sources,
        tuple(frames),
        part,
        followed.events,
        refusal.type,
        refusal.message,
        refusal.argument,
        tuple(refusal.sizes),
        refusal.wants,
    )


def scene_of_finding(followed: Followed, finding: Any) -> Scene | None:
    """Where a silent mistake is."""
    sources = sources_of(followed)
    place = finding.place
    if place.file not in sources:
        return None
    source = sources[place.file]
    node = own_node(source, place.node)
    if isinstance(node, ast.Module):
        return None
    facts: dict[str, Any] = dict(getattr(finding, "facts", None) or {})
    values: dict[str, Any] = {}
    event: Event | None = facts.get("event")
    if event is not None:
        facts.setdefault("input", next(iter(event.inputs), None))
        facts.setdefault("output", next(iter(event.outputs), None))
    for line in followed.lines:  # names as the lines of the same function left them
        if line.file == place.file and line.where == place.where:
            values.update(line.names)
    module = followed.seen.modules.get("", {})
    frame = Frame(source, node, {**module, **values, **_self_of(followed, place.where)})
    argument = next(iter(event.inputs), None) if event is not None else None
    return Scene(sources, (frame,), node, followed.events, argument=argument, facts=facts)


def _self_of(followed: Followed, where: str) -> dict[str, Any]:
    """The object whose method a place stands in."""
    owner = where.split(".", 1)[0]
    for event in reversed(followed.events):
        if isinstance(event.function, Instance) and event.function._cls.__name__ == owner:
            return {"self": event.function}
    return {}


# ---------------------------------------------------------------------------------- candidates


def _raised(scene: Scene, text: str) -> Iterator[Candidate | None]:
    done = set()
    for pattern, maker in RAISED:
        if maker not in done and pattern.search(text):
            done.add(maker)
            yield from _safe(maker, scene)


def _safe(maker: Any, scene: Scene) -> Iterator[Candidate | None]:
    """The candidates of a maker; one that stumbles over a program has none."""
    try:
        yield from maker(scene)
    except (AttributeError, TypeError, ValueError, IndexError, KeyError, AssertionError):
        return


def applied(
    sources: Mapping[str, Source], changes: Sequence[tuple[str, Change]]
) -> dict[str, str] | None:
    """The texts with the changes; None where they overlap."""
    found: dict[str, str] = {}
    for file in {file for file, _ in changes}:
        text = sources[file].changed([c for f, c in changes if f == file])
        if text is None:
            return None
        found[file] = text
    return found


def _edits(first: Mapping[str, str], texts: Mapping[str, str]) -> tuple[Edit, ...]:
    return tuple(
        e for file in first for e in edits_between(file, first[file], texts.get(file, first[file]))
    )


def _both(one: str, other: str) -> str:
    return one if one == other else f"{one}; {other}"


# ------------------------------------------------------------------------------------ acceptance


def _one_shape(after: Followed, finding: Any, touched: set[tuple[str, str]]) -> bool:
    """Whether prediction and target of a mended loss are of one shape."""
    kind = finding.facts["event"].kind
    return all(
        len({tuple(t.shape) for t in e.inputs[:2]}) == 1
        for e in after.events
        if e.kind == kind and (e.place.file, _text(after, e.place.file, e.place.line)) in touched
    )


def _text(followed: Followed, file: str, line: int) -> str:
    source = followed.sources.get(file)
    lines = source.text.split("\n") if source else []
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def _line(followed: Followed, finding: Any) -> tuple[str, str]:
    return finding.place.file, _text(followed, finding.place.file, finding.place.line)


def _signature(followed: Followed, finding: Any) -> tuple[str, str, str]:
    """A finding by what it is and the text of its line: edits above it move its number."""
    return (finding.id, *_line(followed, finding))


def _touched(texts: Mapping[str, str], before: Mapping[str, str]) -> set[tuple[str, str]]:
    """The lines that a mend wrote."""
    found = set()
    for file, text in texts.items():
        old = {line.strip() for line in before.get(file, "").split("\n")}
        found |= {(file, line.strip()) for line in text.split("\n") if line.strip() not in old}
    return found


def _message(followed: Followed) -> str:
    return followed.problem.refusal.message if followed.problem else ""


def _further(before: Followed, after: Followed) -> bool:
    """Whether a program that fails elsewhere has got past the first failure."""
    if before.problem is None or after.problem is None:
        return False
    old, new = _message(before), _message(after)
    if old.startswith(_LOADING) and new.startswith(_LOADING):
        return len(new) < len(old)
    more = len(after.events) > len(before.events)  # what a mend takes away may be fewer
    one, other = before.problem.place, after.problem.place
    if (one.file, one.line) == (other.file, other.line):
        place = [next((i for i, c in enumerate(_CHECKS) if c in m), -1) for m in (old, new)]
        if -1 not in place:
            return place[0] < place[1]
        return more and NUMBER.sub("", old) != NUMBER.sub("", new)
    return more or ((one.file, one.where) == (other.file, other.where) and other.line > one.line)


def _wrong_axes(followed: Followed) -> set[tuple[str, str, str]]:
    """What no program means: samples among the features, samples joined with steps.

    By line text, so that two programs can be compared.
    """
    found: set[tuple[str, str, str]] = set()
    for event in followed.events:
        line = _text(followed, event.place.file, event.place.line)
        inputs = [t for t in event.inputs if t.rank]
        kind = event.basename
        if is_recurrent(event) or kind in ("Linear", "linear", "LayerNorm", "Bilinear"):
            if inputs and _kinds(inputs[0], -1) & {"samples", "mixed"}:
                found.add((event.place.file, line, "samples among the features"))
        if is_recurrent(event) and calls_layer(event) and inputs and inputs[0].rank == 3:
            first = event.spec.batch_first
            n, t = (0, 1) if first else (1, 0)
            if _kinds(inputs[0], n) == {"steps"} or _kinds(inputs[0], t) == {"samples"}:
                found.add((event.place.file, line, "samples read as steps"))
        if event.kind in ("operator", "torch.cat") or "loss" in kind.lower():
            if len({t.rank for t in inputs[:2]}) == 2 and ("Entropy" in kind or "NLL" in kind):
                continue  # the classes stand among the axes of one of them
            found |= {(event.place.file, line, w) for w in _conflicts(inputs)}
        first = event.outputs[0] if event.outputs else None
        if kind in ("view", "reshape") and first is not None and first.rank and inputs:
            rows = {p.kind for p in first.axes[0] if p.size != 1}
            if "samples" in rows and rows & {"layers", "directions"}:
                found.add((event.place.file, line, "rows of a state among the samples"))
        if kind in ("bmm", "matmul") and first is not None and first.rank > 1:
            if _kinds(first, -1) == _kinds(first, -2) == {"samples"}:
                found.add((event.place.file, line, "every sample meets every other"))
        if kind in ("bmm", "baddbmm") and len(inputs) > 1:
            one, other = _kinds(inputs[-2], 0), _kinds(inputs[-1], 0)
            if one and other and not one & other:
                found.add((event.place.file, line, f"{sorted(one)} meets {sorted(other)}"))
    return found


def _kinds(tensor: Tensor, axis: int) -> set[str]:
    return {p.kind for p in tensor.axes[axis] if p.size != 1} - {"unknown", "one"}


def _conflicts(tensors: Sequence[Tensor]) -> Iterator[str]:
    """Axes that meet and are of different kinds."""
    for a, b in pairwise(tensors):
        for i in range(1, min(a.rank, b.rank) + 1):
            if a.shape[-i] == 1 or b.shape[-i] == 1:
                continue
            one, other = _kinds(a, -i), _kinds(b, -i)
            if one and other and not one & other and (one | other) & {"samples", "steps", "layers"}:
                yield f"{sorted(one)} meets {sorted(other)}"
