"""Draws the steps of a run: names to the left, their time as bars to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from agenttrace.cli import styles
from agenttrace.cli.axis import Axis
from agenttrace.cli.columns import WIDE
from agenttrace.cli.waterfall import Place, Row, shortened
from agenttrace.showing import wording
from agenttrace.showing.few_words import step_facts
from agenttrace.showing.step_order import work_of
from agenttrace.v1.step_pb2 import STEP_STATUS_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.v1.failure_pb2 import FailureDetail
    from agenttrace.v1.step_pb2 import Step

_TYPE_WIDTH = 10
_LENGTH_WIDTH = 9
_MOST_FACTS = 36
_INDENT = 2
_DEEPER = "⋯ "


class WaterfallView:
    """Lines of text, as wide as the screen at most."""

    def __init__(self, rows: Sequence[Row], span: tuple[float, float], width: int) -> None:
        self._rows = shortened(rows)
        self._missing_inside = sum(row.missing_before for row in rows)
        facts = max((len(_few_words(row.step)) for row in self._rows), default=0)
        self._facts_width = min(facts + 2, _MOST_FACTS) if width >= WIDE and facts else 0
        self._name_width = self._widest_name(36 if width >= WIDE else 26)
        bar_width = width - _TYPE_WIDTH - self._name_width - _LENGTH_WIDTH - self._facts_width - 1
        self._axis = Axis(*span, max(16, bar_width))
        self._failures = {failure.failure.failure_id: failure for row in rows for failure in row.failures}
        self._winners = {work_of(row.step): row.step.attempt for row in rows if row.step.status != STEP_STATUS_ERROR}

    def lines(self, missing: int) -> Iterator[Text]:
        """Yield the head, every row with its failures, and what is missing."""
        head = "STEP".ljust(_TYPE_WIDTH + self._name_width + 1) + self._axis.scale()
        yield Text(head + "TOOK".rjust(_LENGTH_WIDTH), "dim")
        for row in self._rows:
            if row.missing_before:
                yield _missing_line(row.missing_before, " here")
            if row.left_out:
                yield self._left_out_line(row)
            yield self._step_line(row)
            for failure in row.failures:
                if not self._is_beside_bar(row, failure):
                    yield self._failure_line(row, failure)
        if missing > self._missing_inside:
            yield _missing_line(missing - self._missing_inside, "")

    def _step_line(self, row: Row) -> Text:
        step = row.step
        kind = wording.step_type_word(step.type)
        style = styles.TYPE_STYLES.get(kind, "")
        failed = step.status == STEP_STATUS_ERROR
        line = Text(kind.upper().ljust(_TYPE_WIDTH), style)
        line.append_text(self._name(row))
        line.append_text(self._bar(row, "red" if failed else style))
        line.append(_length(step).rjust(_LENGTH_WIDTH), "red" if failed else "default")
        if self._facts_width:
            line.append("  " + _clip(_few_words(step), self._facts_width - 2), "dim default")
        return line

    def _name(self, row: Row) -> Text:
        attempt = f" ↻ {max(1, row.step.attempt)}/{row.attempts}" if row.attempts > 1 else ""
        guide = _guide(row.place)
        text = Text(guide, "dim default")
        name = _clip(row.step.name, self._name_width - len(attempt) - len(guide))
        text.append(name, "not dim dim default" if row.step.attempt > 1 else "not dim default")
        text.append(attempt, "not dim yellow")
        text.pad_right(self._name_width + 1 - len(text))
        return text

    def _bar(self, row: Row, style: str) -> Text:
        first, columns = self._bar_place(row)
        label, before = self._label(row)
        bar = Text()
        if before:
            bar.append(label.plain.rjust(first - 1) + " ", label.style)
        else:
            bar.append(" " * first)
        bar.append("━" * columns, style)
        if label and not before:
            bar.append(f" {label.plain}", label.style)
        bar.pad_right(self._axis.width - len(bar))
        return bar

    def _bar_place(self, row: Row) -> tuple[int, int]:
        return self._axis.bar(wording.seconds(row.step.start_time), wording.seconds(row.step.end_time))

    def _label(self, row: Row) -> tuple[Text, bool]:
        """Return what is said beside the bar, and whether it stands before it; empty where it has no room."""
        text = self._label_text(row)
        first, columns = self._bar_place(row)
        if len(text) + 1 <= self._axis.width - first - columns:
            return text, False
        return (text, True) if text and len(text) + 1 <= first else (Text(), False)

    def _label_text(self, row: Row) -> Text:
        plain = [failure for failure in row.failures if not self._has_remarks(failure)]
        if plain:
            codes = ", ".join(f"✗ {failure.failure.code}" for failure in plain)
            return Text(codes, "dim red" if plain[0].recovered else "red")
        if row.attempts > 1 and row.step.attempt > 1 and row.step.status != STEP_STATUS_ERROR:
            return Text("✓ recovered", "green")
        return Text()

    def _is_beside_bar(self, row: Row, failure: FailureDetail) -> bool:
        return not self._has_remarks(failure) and bool(self._label(row)[0])

    def _has_remarks(self, failure: FailureDetail) -> bool:
        return failure.root or failure.failure.caused_by_failure_id in self._failures

    def _failure_line(self, row: Row, failure: FailureDetail) -> Text:
        line = Text(" " * _TYPE_WIDTH + _guide(row.place, below=True), "dim")
        style = "dim red" if failure.recovered else "bold not dim red"
        line.append(f"✗ {failure.failure.code}", style)
        for remark in self._remarks(row, failure):
            line.append(f" · {remark}", "dim" if failure.recovered else "not dim red")
        return line

    def _remarks(self, row: Row, failure: FailureDetail) -> Iterator[str]:
        yield wording.failure_type_word(failure.failure.type)
        if failure.root:
            yield "root failure"
        if failure.recovered:
            winner = self._winners.get(work_of(row.step))
            yield f"recovered by attempt {winner}" if winner else "recovered"
        cause = self._failures.get(failure.failure.caused_by_failure_id)
        if cause is not None:
            yield f"caused by {cause.failure.code} in {cause.step_name or 'a step'}"

    def _left_out_line(self, row: Row) -> Text:
        text = " " * _TYPE_WIDTH + _guide(row.place, below=True)
        return Text(f"{text}⋯ {wording.counted(row.left_out, 'more attempt')} of {row.attempts}", "yellow")

    def _widest_name(self, at_most: int) -> int:
        widths = (
            len(_guide(row.place))
            + len(row.step.name)
            + (len(f" ↻ {row.step.attempt}/{row.attempts}") if row.attempts > 1 else 0)
            for row in self._rows
        )
        return max(12, min(at_most, max(widths, default=0)))


def _few_words(step: Step) -> str:
    return " ".join(step_facts(step))


def _length(step: Step) -> str:
    return wording.length(wording.seconds(step.end_time) - wording.seconds(step.start_time))


def _clip(text: str, width: int) -> str:
    """Return a text in at most so many columns, with a sign where it goes on."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _guide(place: Place, *, below: bool = False) -> str:
    """Return the lines of the tree before a step, or before what is said below it."""
    if not place.depth:
        return ""
    *around, own = place.goes_on
    deeper = _DEEPER if place.depth > len(place.goes_on) else ""
    lines = "".join("│ " if goes_on else "  " for goes_on in around)
    last = ("│ " if own else "  ") if below else ("├ " if own else "└ ")
    return deeper + lines + last


def _missing_line(number: int, where: str) -> Text:
    what = wording.counted(number, "step")
    return Text(f"{'⋯':<{_TYPE_WIDTH}}{what} missing{where}: recorded by the agent, not received", "bold yellow")
