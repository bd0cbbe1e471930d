"""The forms of input and output as drawings: one network, or encoder, bridge and decoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...analysis.forms import Arrangement
from ...analysis.trace import Trace
from .scene import Scene
from .svg import document, inner_lines, style
from .unrolled import Unrolled, end_id

_APART = 60.0  # between encoder and decoder, where the bridge goes along
_BELOW = 41.0  # under the middle of a lane, whose weights stand at its edge


def form_lines(arrangement: Arrangement, theme: str) -> Iterator[str]:
    """The form as SVG; an encoder's states go to its decoder, above it nothing is read."""
    a = arrangement
    if a.form.name != "encoder-decoder":
        trace = Trace(a.spec, a.batch, head=a.head)
        fed = a.form.name == "one-to-many"
        yield from _svg([Scene(Unrolled(trace, fed_back=fed, name=a.form.name))], theme, [])
        return
    encoder = Unrolled(Trace(a.spec, a.batch), name="encoder")
    batch = replace(a.batch, seq_len=a.target_len, lengths=None)
    joined = "" if a.bridge == "state" else ", both directions of a layer joined"
    remark = f"h0 is the encoder's hn{joined}"
    trace = Trace(a.decoder_spec, batch, head=a.head)
    decoder = Unrolled(trace, name="decoder", remark=remark)
    scenes = [Scene(encoder), Scene(decoder)]
    yield from _svg(scenes, theme, _bridge(a, scenes))


def _svg(scenes: list[Scene], theme: str, bridge: list[str]) -> Iterator[str]:
    width = sum(scene.width for scene in scenes) + _APART * (len(scenes) - 1)
    size = round(width), round(max(scene.height for scene in scenes))
    title = "; ".join(scene.title for scene in scenes)
    description = " ".join(scene.description for scene in scenes)
    head = f"<style>{style(theme)}</style>"
    return document(size, title, description, [*_beside(scenes, size[1]), *bridge], head)


def _beside(scenes: list[Scene], height: float) -> Iterator[str]:
    x = 0.0
    for scene in scenes:
        yield f'<g transform="translate({x:.1f} {height - scene.height:.1f})">'
        yield from inner_lines(scene)
        yield "</g>"
        x += scene.width + _APART


def _bridge(a: Arrangement, scenes: list[Scene]) -> list[str]:
    """A wire from each final state of the encoder to the first state that the decoder makes of it.

    Where the encoder has two directions, both go into one of the decoder's, joined.
    """
    encoder, decoder = scenes
    height = max(scene.height for scene in scenes)
    shift = encoder.width + _APART
    lines = []
    lanes = [(n, d) for n in range(a.spec.num_layers) for d in a.spec.directions]
    joined = a.bridge != "state"
    for number, (layer, direction) in enumerate(lanes):
        source = encoder.boxes.get(end_id("last", layer, direction))
        goal = end_id("first", layer, "forward" if joined else direction)
        target = decoder.boxes.get(goal)
        if source is None or target is None:
            continue
        y1 = source.y + source.height / 2 + height - encoder.height
        y2 = target.y + target.height / 2 + height - decoder.height
        at_left = source.x < encoder.width / 2  # the reverse direction ends there
        x1 = source.x + source.width / 2 if at_left else source.x + source.width
        x2, tip = shift + target.x + target.width / 2, y2 + target.height / 2
        below = y2 + _BELOW
        middle = encoder.width + 8 + 6.0 * number
        begin = f"M{x1:.1f} {y1:.1f}"
        if at_left:
            begin = f"M{x1:.1f} {y1 + source.height / 2:.1f}v6"
        way = f"{begin}H{middle:.1f}V{below:.1f}H{x2:.1f}V{tip + 6:.1f}"
        lines.append(f'<path class="state" style="fill:none" d="{way}"/>')
        lines.append(f'<path class="state" d="M{x2:.1f} {tip:.1f}l-3.5 6h7z"/>')
    return lines
