"""How a figure changed against the period before, and whether that is good news."""

from __future__ import annotations

from typing import NamedTuple

_MOST_PERCENT = 999


class Change(NamedTuple):
    """A change in words; `judgement`: better, worse or same."""

    text: str
    judgement: str


SAME = Change("no change", "same")


def relative(now: float | None, before: float | None, *, good: str = "") -> Change | None:
    """Return a change in per cent; None where there is nothing to compare with. `good`: "up", "down" or neither."""
    if now is None or not before:
        return None
    percent = (now - before) / before * 100
    if round(abs(percent), 1) == 0:
        return SAME
    told = f"{abs(percent):.1f} %" if abs(percent) < 100 else f"{abs(percent):,.0f} %"
    # Ten times as much and more is said in a word: the exact number means nothing any more.
    return _change(percent, told if abs(percent) <= _MOST_PERCENT else f"{now / before:,.0f} times as much", good)


def points(now: float | None, before: float | None, *, good: str = "") -> Change | None:
    """Return the change of a rate in percentage points; None where there is nothing to compare with."""
    if now is None or before is None:
        return None
    difference = (now - before) * 100
    return SAME if round(abs(difference), 1) == 0 else _change(difference, f"{abs(difference):.1f} points", good)


def _change(difference: float, told: str, good: str) -> Change:
    up = difference > 0
    judgement = "same" if not good else "better" if up == (good == "up") else "worse"
    return Change(f"{'▲' if up else '▼'} {told}", judgement)
