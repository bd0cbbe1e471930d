"""What is drawn, and the formats that it is written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .inside import Inside
    from .unrolled import Unrolled

Drawn = Iterable[str] | bytes  # lines of a text, or what a file of pixels holds


class Format(NamedTuple):
    """How a network and the inside of a cell are written; None where they are not.

    endings: of the names of files. theme: light, dark, or auto for what the reader prefers.
    """

    endings: tuple[str, ...]
    unrolled: Callable[[Unrolled, str], Drawn]
    inside: Callable[[Inside, str], Drawn] | None = None
    themes: bool = True


def _svg(unrolled: Unrolled, theme: str) -> Iterable[str]:
    from .scene import Scene
    from .svg import svg_lines

    return svg_lines(Scene(unrolled), theme)


def _svg_inside(scene: Inside, theme: str) -> Iterable[str]:
    from .svg import inside_lines

    return inside_lines(scene, theme)


def in_pixels(draw: Callable[[Any, str], Iterable[str]]) -> Callable[[Any, str], Drawn]:
    """The PNG of what is drawn as SVG; its paper is light unless told."""

    def drawn(scene: Any, theme: str) -> Drawn:
        from .png import png

        return png("\n".join(draw(scene, "light" if theme == "auto" else theme)))

    return drawn


def _mermaid(unrolled: Unrolled, theme: str) -> Drawn:
    from .graphs import MERMAID_STEPS, mermaid_lines

    return mermaid_lines(replace(unrolled, most_steps=MERMAID_STEPS))


def _dot(unrolled: Unrolled, theme: str) -> Drawn:
    from .graphs import dot_lines

    return dot_lines(unrolled, "light" if theme == "auto" else theme)


def _tikz(unrolled: Unrolled, theme: str) -> Drawn:
    from .tikz import tikz_lines

    return tikz_lines(unrolled)


def _text(unrolled: Unrolled, theme: str) -> Drawn:
    from ...errors import UsageError
    from ..screen import columns_of, plain_lines
    from .terminal import picture_lines

    try:
        return plain_lines(picture_lines(unrolled.trace, columns_of(None)))
    except UsageError:  # a file is as wide as it has to be
        return plain_lines(picture_lines(unrolled.trace, 200))


def _text_inside(scene: Inside, theme: str) -> Drawn:
    from ..screen import plain_lines
    from .inside import text_lines

    return plain_lines(text_lines(scene))


FORMATS: dict[str, Format] = {
    "svg": Format(("svg",), _svg, _svg_inside),
    "png": Format(("png",), in_pixels(_svg), in_pixels(_svg_inside)),
    "text": Format(("txt", "text"), _text, _text_inside, themes=False),
    "mermaid": Format(("mmd", "mermaid"), _mermaid, themes=False),
    "dot": Format(("dot", "gv"), _dot),
    "tikz": Format(("tex", "tikz"), _tikz, themes=False),
}
