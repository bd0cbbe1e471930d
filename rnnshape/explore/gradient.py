"""The gradient on the grid: how large it is where it arrives at each h, as a number and a shade."""

from __future__ import annotations

from math import log, nan
from typing import NamedTuple

import numpy as np

from ..analysis.flow import Arriving, with_sum
from ..analysis.trace import Trace
from ..numeric.world import Recording
from ..show.notation import Line

_SHADES = "░▒▓█"
_ALIKE = 0.05  # of logarithms: cells that differ by less than 5 % have one shade
_KINDS = ("positive|far", "positive", "positive|strong", "large positive")


def about(trace: Trace) -> Line:
    """What the grid shows, in words."""
    loss = "sum(o)" if trace.head else "sum(output)"
    words = f"‖dh‖: how large the gradient of L = {loss} is at each h  "
    return [(words, "note"), (_SHADES, "positive"), (" log scale", "note")]


class Shade(NamedTuple):
    """A cell's number between two signs for its size, as long for all cells, and their kind."""

    words: str
    kind: str


class Gradient:
    """The norms of dh_t of a walk whose forward is done; the backward goes on a little at a time.

    It begins with the first `run`. The loss is the sum of output, or of the head's o.
    """

    def __init__(self, kept: Recording) -> None:
        self._kept = kept
        self._walk: Arriving | None = None
        self._span = (0, 0.0, 0.0)  # of so many steps: the logarithms of the least and the largest

    @property
    def done(self) -> int:
        """Steps walked back so far."""
        return self._walk.done if self._walk else 0

    @property
    def ended(self) -> bool:
        """Whether all are known."""
        return self._walk is not None and self._walk.ended

    def run(self, most: int) -> bool:
        """Walk back so many steps further; whether that was the last."""
        if self._walk is None:
            self._walk = Arriving(with_sum(self._kept.source), recording=self._kept)
        return self._walk.run(most)

    def shade(self, lane: int, t: int) -> Shade:
        """What a cell shows: from the least to the largest in four shades, by the logarithm."""
        norm = float(self._walk.norms[lane][t]) if self._walk else nan
        low, high = self._ends()
        width = 4 if low > log(0.0995) and high < log(1000) else 6
        if norm != norm and not self.ended:
            return Shade("…".center(width + 2), "note")
        if not 0 < norm < float("inf"):
            return Shade(f"{norm:g}".center(width + 2), "bad" if norm else "note")
        share = (log(norm) - low) / (high - low) if high - low > _ALIKE else 1.0
        level = min(3, max(0, int(4 * share)))
        sign = _SHADES[level]
        return Shade(f"{sign}{written(norm):^{width}}{sign}", _KINDS[level])

    def _ends(self) -> tuple[float, float]:
        if self._walk and self._span[0] != self.done:
            every = np.concatenate(list(self._walk.norms.values()))
            above = every[(every > 0) & (every < np.inf)]
            ends = (log(above.min()), log(above.max())) if len(above) else (0.0, 0.0)
            self._span = (self.done, *ends)
        return self._span[1:]


def written(norm: float) -> str:
    """Two digits: 0.28, 3.8, 11, 1.2e-5; one where two would need more than six signs."""
    if 0.01 <= norm < 1000:
        return f"{norm:#.2g}" if norm < 9.95 else f"{norm:.0f}"
    digits, _, power = f"{norm:.1e}".partition("e")
    told = f"{digits}e{int(power)}"
    return told if len(told) <= 6 else f"{norm:.0e}".replace("e-0", "e-").replace("+", "")
