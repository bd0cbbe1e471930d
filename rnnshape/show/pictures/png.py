"""A drawing as PNG, by resvg."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import UsageError

_ZOOM = 2  # for sharp words on a dense screen
_WORD = '<text y="20" font-family="monospace">x</text>'
_SMALL = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">{}</svg>'


def png(drawing: str) -> bytes:
    """The picture of an SVG. Raises UsageError where resvg or a font is missing."""
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise UsageError(
            "--format png: expected the package resvg-py, which turns the drawing into pixels",
            got="it is not installed",
            fix="pip install 'rnnshape[png]', or --format svg",
        ) from None
    if not _writes(svg_to_bytes):
        raise UsageError(
            "--format png: expected a monospace font, since pixels need one",
            got="no font on this machine",
            fix="install a font, such as Debian's fonts-dejavu-core, or --format svg",
        )
    return bytes(svg_to_bytes(svg_string=drawing, zoom=_ZOOM))


def _writes(render: Callable[..., Any]) -> bool:
    """Whether words leave pixels: without a font they vanish, and nothing says so."""
    return bytes(render(svg_string=_SMALL.format(_WORD))) != bytes(
        render(svg_string=_SMALL.format(""))
    )
