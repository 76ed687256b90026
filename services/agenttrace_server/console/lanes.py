"""Draws the time of a row: a bar for each attempt, its failure beside it, the critical path below."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from agenttrace.showing.wording import length, step_type_word
from agenttrace_server.console.markup import element, joined, spelt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

    from agenttrace_server.console.run_view import RunView
    from agenttrace_server.console.timeline_part import Part
    from agenttrace_server.console.waterfall import Attempt, Row, Timeline

# In pixels.
_LANE, _BAR = 24, 14
_TICKS = 4
# About how wide a letter of the words beside a bar is, in per cent of a lane on a common screen.
_LETTER = 1.4
_OVERVIEW_BINS = 120
_OVERVIEW_HEIGHT = 44


class Lanes:
    """Draws rows on the scale of one part of a timeline."""

    def __init__(self, part: Part, view: RunView) -> None:
        self._part, self._view = part, view

    def lane(self, row: Row) -> Markup:
        """Return the drawing of a row."""
        tracks = _tracks(row.attempts)
        shown = [attempt for attempt in row.attempts if self._is_seen(attempt)]
        parts = [self._bar(row, attempt, tracks[attempt.step.step_id]) for attempt in shown]
        parts += [mark for attempt in shown for mark in self._critical(attempt, tracks[attempt.step.step_id])]
        parts += self._words(row, shown, tracks)
        height = _LANE * (1 + max(tracks.values(), default=0))
        # The links in the row's first cell are the same: keyboards and readers need them once.
        return element("svg", *parts, class_="lane", height=height, aria_hidden="true", focusable="false")

    def axis(self) -> Markup:
        """Return the marks above the lanes: times after the start of the run."""
        part = self._part
        times = [part.start + (part.end - part.start) * tick / _TICKS for tick in range(_TICKS + 1)]
        marks = joined(
            element("text", self._tick(tick, time), x=_share(100 * tick / _TICKS), y=14, class_=_anchor(tick))
            for tick, time in enumerate(times)
        )
        return element("svg", marks, class_="axis", height=20, role="img", aria_label=self._span_words(times))

    def overview(self, timeline: Timeline) -> Markup:
        """Return the whole run in little: what began when, where it failed, and which part is drawn."""
        whole = timeline.seconds or 1.0
        window = (100 * self._part.start / whole, 100 * (self._part.end - self._part.start) / whole)
        frame = element(
            "rect", class_="window", x=_share(window[0]), width=_share(max(window[1], 0.4)), height=_OVERVIEW_HEIGHT
        )
        words = f"The whole run: {len(timeline.rows):,} rows in {length(timeline.seconds)}"
        marks = [frame, *_busy(timeline, whole), *_failures(timeline, whole)]
        return element("svg", *marks, class_="overview", height=_OVERVIEW_HEIGHT, role="img", aria_label=words)

    def _tick(self, tick: int, time: float) -> str:
        # Far into the run all marks of a short stretch would read the same: they tell what is added to the first.
        return length(time) if tick == 0 or not self._part.start else f"+{length(time - self._part.start)}"

    def _span_words(self, times: Sequence[float]) -> str:
        return f"Time after the start of the run, from {length(times[0])} to {length(times[-1])}"

    def _is_seen(self, attempt: Attempt) -> bool:
        return attempt.end >= self._part.start and attempt.start <= self._part.end

    def _place(self, start: float, end: float) -> tuple[float, float]:
        """Return where a stretch of time is drawn and how wide, in per cent, within the drawing."""
        left, right = max(0.0, self._part.share(start)), min(100.0, self._part.share(end))
        return left, max(0.0, right - left)

    def _bar(self, row: Row, attempt: Attempt, track: int) -> Markup:
        left, width = self._place(attempt.start, attempt.end)
        y = 4 + track * _LANE
        place = {"x": _share(left), "y": y, "width": _share(width), "height": _BAR}
        body = element("rect", element("title", _said(row, attempt)), class_="body", rx=2, **place)
        # In a box of its own it ends where its bar does: a number without room is not seen here.
        number = element("svg", element("text", str(attempt.number), x=4, y=11), **place)
        where = self._view.link("chosen", step=attempt.step.step_id)
        parts = [body, number] if row.attempt_count > 1 else [body]
        return element("a", *parts, href=where, tabindex=-1, class_=" ".join(_classes(attempt)))

    def _critical(self, attempt: Attempt, track: int) -> Iterator[Markup]:
        for start, end in attempt.critical:
            if end >= self._part.start and start <= self._part.end:
                left, width = self._place(start, end)
                yield element(
                    "rect", class_="critical", x=_share(left), y=20 + track * _LANE, width=_share(max(width, 0.15)),
                    height=3,
                )  # fmt: skip

    def _words(self, row: Row, shown: Sequence[Attempt], tracks: dict[str, int]) -> Iterator[Markup]:
        """Yield what is said beside the bars, or inside of a long one, in as many words as there is room for."""
        told = _outcome(row)
        if not told or not shown:
            return
        last = shown[-1]
        left, width = self._place(last.start, last.end)
        first, _ = self._place(shown[0].start, shown[0].end)
        y = 15 + tracks[last.step.step_id] * _LANE
        kind, *texts = told
        for text in texts:
            room = 3 + len(text) * _LETTER
            if left + width + room <= 100:
                yield element("text", text, class_=f"said {kind}", x=_share(left + width), dx=7, y=y)
            elif first >= room:
                yield element("text", text, class_=f"said before {kind}", x=_share(first), dx=-7, y=y)
            elif width >= room + 4:
                yield element("text", text, class_=f"said inside {kind}", x=_share(left), dx=22, y=y)
            else:
                continue
            return


def _tracks(attempts: Sequence[Attempt]) -> dict[str, int]:
    """Return on which of several tracks each attempt is drawn: those at work at the same time on different ones."""
    free: list[float] = []
    tracks: dict[str, int] = {}
    for attempt in attempts:
        track = next((n for n, end in enumerate(free) if end <= attempt.start), len(free))
        free[track : track + 1] = [attempt.end]
        tracks[attempt.step.step_id] = track
    return tracks


def _outcome(row: Row) -> tuple[str, str, str] | None:
    """Return what came of a row, as class, words and fewer words of its label; None where all went well at once."""
    codes = Counter(failure.failure.code for attempt in row.attempts for failure in attempt.failures)
    told = ", ".join(f"{code} ({times} times)" if times > 1 else code for code, times in codes.items())
    if row.root:
        return "root", f"✗ {told} · root cause", "✗ root cause"
    if row.failed:
        kind = "made-good" if row.attempts[-1].recovered else "failed"
        return kind, f"✗ {told or 'error'}", "✗"
    return ("recovered", f"✓ recovered from {told}", "✓ recovered") if codes else None


def _classes(attempt: Attempt) -> Iterator[str]:
    yield f"bar t-{step_type_word(attempt.step.type)}"
    if attempt.root:
        yield "root"
    elif attempt.recovered:
        yield "made-good"
    elif attempt.failed:
        yield "failed"


def _said(row: Row, attempt: Attempt) -> str:
    name = f"{step_type_word(attempt.step.type)} {attempt.step.name}"
    number = f", attempt {attempt.number} of {row.attempt_count}" if row.attempt_count > 1 else ""
    times = f"{length(attempt.end - attempt.start)}, from {length(attempt.start)} to {length(attempt.end)}"
    codes = "".join(f"\n✗ {failure.failure.code}" for failure in attempt.failures)
    return f"{name}{number}\n{times}{codes}"


def _busy(timeline: Timeline, whole: float) -> Iterator[Markup]:
    """Yield, for each of equal stretches of time, how many attempts began in it, as a bar."""
    begun = Counter(
        min(int(attempt.start / whole * _OVERVIEW_BINS), _OVERVIEW_BINS - 1)
        for row in timeline.rows
        for attempt in row.attempts
    )
    most = max(begun.values(), default=1)
    for place, count in sorted(begun.items()):
        height = max(2.0, count / most * (_OVERVIEW_HEIGHT - 10))
        x, width = 100 * place / _OVERVIEW_BINS, 80 / _OVERVIEW_BINS
        yield element(
            "rect", class_="busy", x=_share(x), y=_OVERVIEW_HEIGHT - height, width=_share(width), height=height
        )


def _failures(timeline: Timeline, whole: float) -> Iterator[Markup]:
    """Yield a mark for each place where failures that stayed occurred, and one for the root cause."""
    failed = [attempt for row in timeline.rows for attempt in row.attempts if attempt.failed and not attempt.recovered]
    for place in sorted({round(attempt.end / whole * _OVERVIEW_BINS * 2) for attempt in failed}):
        yield element("rect", class_="tick", x=_share(50 * place / _OVERVIEW_BINS), width=2, height=6)
    for attempt in failed:
        if attempt.root:
            x = _share(100 * attempt.end / whole)
            yield element("line", class_="root", x1=x, x2=x, y2=_OVERVIEW_HEIGHT)


def _anchor(tick: int) -> str:
    return "first" if tick == 0 else "last" if tick == _TICKS else "minor" if tick % 2 else "middle"


def _share(value: float) -> str:
    return f"{spelt(float(value))}%"
