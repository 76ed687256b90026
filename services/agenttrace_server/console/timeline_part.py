"""Which rows of a timeline a page shows: of a stretch of time, of one subtree, of as many as a page holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace_server.console.run_view import RunView
    from agenttrace_server.console.waterfall import Row, Timeline

# What keeps a page with all its rows well below 200 kB.
PAGE_ROWS = 120
# The shortest stretch of time that is drawn, in seconds.
_SHORTEST = 1e-6


@dataclass(frozen=True, slots=True)
class Part:
    """What is shown of a timeline. Times are seconds after its start.

    Attributes:
        rows: The rows.
        first: The number of the first of them, among all that could be shown.
        count: How many could be shown.
        left_out: How many rows have nothing in the stretch of time, or are not in the subtree.
        start: Where the drawing begins.
        end: Where it ends.
        depth: How deep the least nested row is that could be shown.
        around: The rows around the first, the outermost first, where these are on an earlier page.
        zoomed: Whether not the whole run is drawn.
    """

    rows: Sequence[Row]
    first: int
    count: int
    left_out: int
    start: float
    end: float
    depth: int
    around: Sequence[Row]
    zoomed: bool

    def share(self, seconds: float) -> float:
        """Return where a time is drawn, in per cent from the left; below 0 and above 100 where it is not."""
        return 100 * (seconds - self.start) / (self.end - self.start)


def part(timeline: Timeline, view: RunView) -> Part:
    """Return what a view shows of a timeline."""
    rows = _subtree(timeline, view.under)
    if view.since is not None or view.until is not None:
        rows = _at_work(rows, *_stretch(timeline, view))
    first = _first(rows, view)
    shown = rows[first : first + PAGE_ROWS]
    # What is on this page alone has the whole width: the little drawing above tells its place in the run.
    start, end = _stretch(timeline, view, shown if len(shown) < len(timeline.rows) else ())
    return Part(
        rows=shown,
        first=first,
        count=len(rows),
        left_out=len(timeline.rows) - len(rows),
        start=start,
        end=end,
        depth=min((row.depth for row in rows), default=0),
        around=_around(shown[0], rows[0].depth) if first else (),
        zoomed=len(rows) < len(timeline.rows) or view.since is not None or view.until is not None,
    )


def _subtree(timeline: Timeline, step_id: str) -> Sequence[Row]:
    """Return the row of a step with what is nested in it; every row where there is no such step."""
    first = timeline.row_of(step_id) if step_id else None
    if first is None:
        return timeline.rows
    rows, depth = timeline.rows, timeline.rows[first].depth
    after = next((n for n in range(first + 1, len(rows)) if rows[n].depth <= depth), len(rows))
    return rows[first:after]


def _stretch(timeline: Timeline, view: RunView, rows: Sequence[Row] = ()) -> tuple[float, float]:
    """Return the stretch of time asked for; of what is not told, that of rows, or of the whole run without any."""
    start, end = 0.0, timeline.seconds
    if any(row.attempts for row in rows):
        start, end = min(row.start for row in rows if row.attempts), max(row.end for row in rows)
    if view.since is not None:
        start = view.since / 1000
    if view.until is not None:
        end = view.until / 1000
    return start, max(end, start + _SHORTEST)


def _at_work(rows: Sequence[Row], start: float, end: float) -> Sequence[Row]:
    """Return the rows with something in a stretch of time, and those around them."""
    wanted: set[str] = set()
    for row in rows:
        if any(attempt.start <= end and attempt.end >= start for attempt in row.attempts):
            above: Row | None = row
            while above is not None and above.key not in wanted:
                wanted.add(above.key)
                above = above.within
    return [row for row in rows if row.key in wanted]


def _first(rows: Sequence[Row], view: RunView) -> int:
    """Return the first row of the page asked for: by number, else that with the chosen step, else the root cause."""
    if view.row is not None:
        return min(view.row, max(0, len(rows) - 1)) // PAGE_ROWS * PAGE_ROWS
    chosen = next((n for n, row in enumerate(rows) if any(it.step.step_id == view.step for it in row.attempts)), None)
    if chosen is None:
        chosen = next((n for n, row in enumerate(rows) if row.root), 0)
    return chosen // PAGE_ROWS * PAGE_ROWS


def _around(row: Row, outermost: int) -> list[Row]:
    around: list[Row] = []
    while row.within is not None and row.depth > outermost:
        row = row.within
        around.insert(0, row)
    return around
