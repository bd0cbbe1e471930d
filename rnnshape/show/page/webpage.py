"""A trace as one self-contained page: the drawing, its steps, and the guided tour."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from gzip import compress
from html import escape
from importlib.resources import files
from itertools import product
from typing import Any

from ...analysis.trace import Trace
from ...checks.padded import Inputs, forward_error
from ...errors import UsageError
from ...network.batch import Batch
from ...network.constructor import GATES
from ...network.dims import symbol
from ...network.head import Head
from ...network.spec import Spec
from ..language import catalogue, language, said
from ..pictures.scene import Scene
from ..pictures.svg import page_style
from ..pictures.unrolled import Unrolled
from .reading import backward_reading, numbers, reading, without_loss
from .tour import TOUR

_SCRIPTS = ("model.js", "heat.js", "origin.js", "sizes.js", "flow.js", "inside.js", "tour.js",
            "story.js", "typed.js",
            "page.js")  # fmt: skip
_MOST_PASSES = 256
_MOST_RUNS = 2_000
_Key = tuple[Spec, Batch, Head | None]


def webpage(trace: Trace) -> str:
    """The page of a trace; with a feed it shows the numbers too, and with a backward its steps in
    reverse. Raises UsageError.
    """
    passes = trace.spec.num_layers * 2
    if passes > _MOST_PASSES:
        raise UsageError(
            f"--html: expected at most {_MOST_PASSES // 2} layers on a page",
            got=f"{trace.spec.num_layers:,}",
            fix="give fewer --layers: above layer 1 all are alike",
        )
    runs = len({*(trace.batch.lengths or ())}) * passes
    if runs > _MOST_RUNS:
        raise UsageError(
            f"--html: expected at most {_MOST_RUNS:,} different lengths in all layers and both "
            "directions of a page",
            got=f"{runs:,}",
            fix="give fewer different --lengths",
        )
    data = _data(without_loss(trace))
    if trace.back is not None:
        data["back"] = len(data["readings"])
        data["readings"].append(data["readings"][0] | backward_reading(trace))
    if trace.feed is not None:
        data["numbers"] = numbers(trace)
    parts = {
        "LANG": language(),
        "TITLE": escape(f"{trace.spec} · rnnshape"),
        "CODE": escape(trace.spec.code),
        "STYLE": page_style() + _file("page.css"),
        "PICTURE": data["readings"][0].pop("svg"),  # it needs no script
        "DATA": _packed(data),
        "SCRIPT": "\n".join(_file(name) for name in _SCRIPTS),
    }
    # each place once, from left to right, so that nothing of what is filled in is read as a place
    start, *places = _file("page.html").split("{{")
    filled = [start]
    for place in places:
        name, _, rest = place.partition("}}")
        filled += [escape(said(name[1:])) if name.startswith("=") else parts[name], rest]
    return "".join(filled)


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _packed(data: Any) -> str:
    """JSON as gzip in base 64, which cannot end the script element that holds it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return b64encode(compress(text.encode(), mtime=0)).decode("ascii")


def _data(trace: Trace) -> dict[str, Any]:
    """Every reading once: those of the toggles, then those of the tour."""
    places: dict[_Key, int] = {}
    kept: list[Trace] = []

    def place(one: Trace) -> int:
        key = (one.spec, one.batch, one.head)
        if key not in places:
            places[key] = len(kept)
            kept.append(one)
        return places[key]

    place(trace)
    toggles = {
        f"{int(first)}{int(both)}": place(other)
        for first, both, other in _variants(trace)
        if other is not None
    }
    tour = [
        {
            "title": said(stop.title),
            "text": said(stop.text).split("\n"),
            "reading": place(stop.trace()),
            "focus": list(stop.focus) if stop.focus else None,
            "marks": list(stop.marks),
            "figure": stop.figure,
        }
        for stop in TOUR
    ]
    insides: dict[str, int] = {}
    data: dict[str, Any] = {"readings": _readings(kept, insides), "toggles": toggles, "tour": tour}
    data["patterns"] = _patterns(insides)
    data["insides"] = list(insides)
    data["words"] = _words()
    data["h0"] = _state_sentences()
    data["own"] = {"cell": trace.spec.family or "rnn", "L": str(trace.spec.num_layers)}
    if trace.feed is not None:
        data["numbered"] = [0]
        if not trace.spec.single:
            alike = replace(trace.spec, batch_first=not trace.spec.batch_first)
            data["numbered"].append(place(Trace(alike, trace.batch, head=trace.head)))
    return data


def _patterns(insides: dict[str, int]) -> dict[str, Any]:
    """Two layers over two steps in letters, from which the page unrolls what is typed."""
    letters: dict[str, Any] = {"input_size": symbol("IIII"), "hidden_size": symbol("HHHH")}
    patterns = {}
    for cell, both, first in product(GATES, (False, True), (False, True)):
        spec = Spec(cell=cell, num_layers=2, bidirectional=both, batch_first=first, **letters)
        drawn = Trace(spec, Batch(size=symbol("NNNN"), seq_len=2))
        grid = {"grid": Scene(Unrolled(drawn)).grid}
        patterns[f"{cell}{both:d}{first:d}"] = reading(drawn, "typed", insides) | grid
    return patterns


def _state_sentences() -> dict[str, dict[str, str]]:
    """What torch says of an h0 that does not fit, by cell: of its axes, and of its sizes."""
    told = {}
    for cell in GATES:
        spec = Spec(cell=cell)
        axes, sizes = (forward_error(spec, Inputs((5, 7, 10), h0=h0)) for h0 in ((2, 2), (2, 3, 4)))
        assert axes is not None and sizes is not None
        told[cell] = {
            "rank": ": ".join(axes).replace("2-D", "{rank}-D"),
            "size": ": ".join(sizes)
            .replace("(1, 7, 20)", "{expected}")
            .replace("[2, 3, 4]", "{got}"),
        }
    return told


def _words() -> dict[str, str]:
    """The sentences of the script in the reader's language; none where that is English."""
    known, script = catalogue(), "".join(map(_file, _SCRIPTS))
    return {english: words for english, words in known.items() if json.dumps(
        english, ensure_ascii=False) in script}  # fmt: skip


def _variants(trace: Trace) -> Iterator[tuple[bool, bool, Trace | None]]:
    """The network with and without batch_first and a second direction."""
    for first in (False, True):
        for both in (False, True):
            if trace.spec.single and (first or both):
                continue
            spec = replace(trace.spec, batch_first=first, bidirectional=both)
            own = spec == trace.spec
            yield first, both, trace if own else Trace(spec, trace.batch, head=trace.head)


def _readings(traces: list[Trace], insides: dict[str, int]) -> list[dict[str, Any]]:
    """The readings; what two of them share stands in the first."""
    readings: list[dict[str, Any]] = []
    for number, trace in enumerate(traces):
        own = reading(trace, f"picture{number}", insides)
        for other, before in enumerate(readings):
            if before.get("records") == own["records"] and before["runs"] == own["runs"]:
                del own["records"], own["runs"]
                own["like"] = other
                break
        readings.append(own)
    return readings
