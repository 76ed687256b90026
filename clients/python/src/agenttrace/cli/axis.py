"""A run's time on the screen: a scale, and where a step's bar stands below it."""

from __future__ import annotations

from dataclasses import dataclass

from agenttrace.showing import wording


@dataclass(frozen=True, slots=True)
class Axis:
    """From `start` to `end`, seconds since 1970, on so many columns."""

    start: float
    end: float
    width: int

    def bar(self, start: float, end: float) -> tuple[int, int]:
        """Return the first column of a bar and how many it has, at least one."""
        scale = self.width / max(self.end - self.start, 1e-9)
        first = max(0, min(int((start - self.start) * scale), self.width - 1))
        last = min(round((end - self.start) * scale), self.width)
        return first, max(1, last - first)

    def scale(self) -> str:
        """Return the marks above the bars: the start, the middle and the end."""
        whole = wording.length(self.end - self.start)
        middle = wording.length((self.end - self.start) / 2)
        half = (self.width - 1) // 2
        return ("├0".ljust(half) + f"┼{middle}").ljust(self.width - len(whole) - 1) + f"{whole}┤"
