"""Draws the steps of a run: names to the left, their time as bars to the right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from agenttrace.cli import wording
from agenttrace.cli.waterfall import Row, group
from agenttrace.v1.step_pb2 import STEP_STATUS_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agenttrace.v1.failure_pb2 import FailureDetail
    from agenttrace.v1.step_pb2 import Step

_TYPE_WIDTH = 10
_LENGTH_WIDTH = 9
_DETAIL_WIDTH = 24
_WIDE = 110
_INDENT = 2
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Axis:
    """The run's time on the screen."""

    start: float
    end: float
    width: int

    def bar(self, start: float, end: float) -> tuple[int, int]:
        """Return the first column of a bar and how many it has, at least one."""
        scale = self.width / max(self.end - self.start, 1e-9)
        first = min(int((start - self.start) * scale), self.width - 1)
        last = min(round((end - self.start) * scale), self.width)
        return first, max(1, last - first)


class WaterfallView:
    """Lines of text, as wide as the screen at most."""

    def __init__(self, rows: Sequence[Row], span: tuple[float, float], width: int) -> None:
        self._rows = rows
        self._detail_width = _DETAIL_WIDTH if width >= _WIDE else 0
        self._name_width = self._widest_name(34 if width >= _WIDE else 28)
        bar_width = width - _TYPE_WIDTH - self._name_width - _LENGTH_WIDTH - self._detail_width - 2
        self._axis = Axis(*span, max(10, bar_width))
        self._failures = {failure.failure.failure_id: failure for row in rows for failure in row.failures}
        self._winners = {group(row.step): row.step.attempt for row in rows if row.step.status != STEP_STATUS_ERROR}

    def lines(self, missing: int) -> Iterator[Text]:
        """Yield the head, every row with its failures, and what is missing."""
        yield self._head()
        for row in self._rows:
            if row.missing_before:
                yield _missing_line(row.missing_before, "here")
            yield self._step_line(row)
            for failure in row.failures:
                yield self._failure_line(row, failure)
        left = missing - sum(row.missing_before for row in self._rows)
        if left > 0:
            yield _missing_line(left, "")

    def _head(self) -> Text:
        whole = wording.length(self._axis.end - self._axis.start)
        middle = wording.length((self._axis.end - self._axis.start) / 2)
        half = (self._axis.width - 1) // 2
        scale = "0".ljust(half) + middle
        scale = scale.ljust(self._axis.width - len(whole)) + whole
        return Text("STEP".ljust(_TYPE_WIDTH + self._name_width + 1) + scale + "TOOK".rjust(_LENGTH_WIDTH), "dim")

    def _step_line(self, row: Row) -> Text:
        step = row.step
        kind = wording.step_type_word(step.type)
        style = wording.TYPE_STYLES.get(kind, "")
        failed = step.status == STEP_STATUS_ERROR
        line = Text(kind.ljust(_TYPE_WIDTH), style)
        line.append_text(self._name(row))
        line.append_text(self._bar(step, "red" if failed else style))
        line.append(_length(step).rjust(_LENGTH_WIDTH), "red" if failed else "")
        if self._detail_width:
            line.append("  " + wording.clip(_detail(step), self._detail_width - 2), "dim")
        return line

    def _name(self, row: Row) -> Text:
        retry = f" ↻ {max(1, row.step.attempt)}/{row.attempts}" if row.attempts > 1 else ""
        indent = " " * (_INDENT * min(row.depth, _DEEPEST))
        room = self._name_width - len(retry) - len(indent)
        text = Text(indent + wording.clip(row.step.name, room))
        text.append(retry, "yellow")
        text.pad_right(self._name_width + 1 - len(text))
        return text

    def _bar(self, step: Step, style: str) -> Text:
        first, columns = self._axis.bar(wording.seconds(step.start_time), wording.seconds(step.end_time))
        bar = Text(" " * first)
        bar.append("━" * columns, style)
        bar.pad_right(self._axis.width - len(bar))
        return bar

    def _failure_line(self, row: Row, failure: FailureDetail) -> Text:
        indent = " " * (_TYPE_WIDTH + _INDENT * min(row.depth, _DEEPEST))
        style = "dim red" if failure.recovered else "bold red"
        line = Text(indent)
        line.append(f"✗ {failure.failure.code}", style)
        for remark in self._remarks(row, failure):
            line.append(f" · {remark}", "dim" if failure.recovered else "red")
        return line

    def _remarks(self, row: Row, failure: FailureDetail) -> Iterator[str]:
        yield wording.failure_type_word(failure.failure.type)
        if failure.root:
            yield "root failure"
        if failure.recovered:
            winner = self._winners.get(group(row.step))
            yield f"recovered by attempt {winner}" if winner else "recovered"
        yield from causes(failure, self._failures)

    def _widest_name(self, at_most: int) -> int:
        widths = (
            _INDENT * min(row.depth, _DEEPEST) + len(row.step.name) + 6 * (row.attempts > 1) for row in self._rows
        )
        return max(12, min(at_most, max(widths, default=0)))


def causes(failure: FailureDetail, failures: Mapping[str, FailureDetail]) -> Iterator[str]:
    """Yield what caused a failure, where that is known."""
    cause = failures.get(failure.failure.caused_by_failure_id)
    if cause is not None:
        yield f"caused by {cause.failure.code} in {cause.step_name or 'a step'}"


def _length(step: Step) -> str:
    return wording.length(wording.seconds(step.end_time) - wording.seconds(step.start_time))


def _detail(step: Step) -> str:
    """Return what else is known of a step in a few words: its model and tokens, its tool, its finds."""
    facts = []
    usage = step.model.usage
    if step.HasField("model"):
        facts.append(step.model.response_model or step.model.request_model)
    if usage.HasField("input_tokens") or usage.HasField("output_tokens"):
        facts.append(f"{usage.input_tokens:,}→{usage.output_tokens:,}")
    if step.retrieval.HasField("result_count"):
        facts.append(f"{wording.count(step.retrieval.result_count, 'record')} {step.retrieval.source}")
    return " ".join(fact for fact in facts if fact)


def _missing_line(number: int, where: str) -> Text:
    what = wording.count(number, "step")
    return Text(
        f"{'⋯':<{_TYPE_WIDTH}}{what} missing {where}: recorded by the agent, not received".replace(" :", ":"), "red"
    )
