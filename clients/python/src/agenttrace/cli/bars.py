"""Draws a row of numbers as small bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"


def sparkline(values: Sequence[float | None], highest: float | None = None) -> str:
    """Return one character for each value, from 0 to the highest; a dot where there is none."""
    top = highest or max((value for value in values if value is not None), default=0.0)
    return "".join(_NOTHING if value is None else _bar(value, top) for value in values)


def _bar(value: float, top: float) -> str:
    if value <= 0 or top <= 0:
        return _BARS[0]
    # Anything above nothing stands above the ground.
    return _BARS[max(1, min(round(value / top * (len(_BARS) - 1)), len(_BARS) - 1))]
