"""Draws one run: what it was, why it failed, and its steps in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from agenttrace.cli import styles
from agenttrace.cli.waterfall import rows
from agenttrace.cli.waterfall_view import WaterfallView
from agenttrace.showing import wording
from agenttrace.showing.few_words import failure_facts
from agenttrace.showing.step_order import time_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console, RenderableType

    from agenttrace.v1.failure_pb2 import FailureCode, FailureDetail
    from agenttrace.v1.query_service_pb2 import GetRunResponse
    from agenttrace.v1.run_pb2 import RunSummary
    from agenttrace.v1.step_pb2 import Step


def show(console: Console, detail: GetRunResponse, codes: Mapping[tuple[int, str], FailureCode]) -> None:
    """Print the run."""
    steps = detail.steps
    for part in (*_facts(detail), "", *_why(detail, codes), ""):
        console.print(part)
    missing = detail.completeness.missing_step_count
    if not steps:
        console.print(_without_steps(detail), style="dim")
        return
    view = WaterfallView(rows(steps, detail.failures, missing), _span(detail.run, steps), console.width)
    for line in view.lines(missing):
        line.rstrip()
        console.print(line, no_wrap=True, overflow="ellipsis")


def _facts(detail: GetRunResponse) -> Iterator[Text]:
    run = detail.run.run
    status = wording.status_word(run.status)
    line = Text()
    line.append(f" {styles.status(run.status).plain} ", f"reverse {styles.STATUS_STYLES.get(status, '')}")
    line.append(f" {run.agent_id or '(agent not told)'} {run.agent_version}".rstrip(), "bold")
    line.append(f" · {run.environment or 'production'}")
    yield line
    yield Text(f"run {run.run_id}", "dim")
    yield Text(" · ".join(_times(detail.run)))
    yield Text(" · ".join(_amounts(detail.run)))
    yield _completeness(detail)
    labels = [*(f"session {run.session_id}" for _ in [0] if run.session_id), *run.tags]
    labels += [f"part of run {run.parent_run_id}" for _ in [0] if run.parent_run_id]
    if labels:
        yield Text(" · ".join(labels), "dim")


def _without_steps(detail: GetRunResponse) -> str:
    if detail.completeness.missing_step_count:
        return "no step has arrived"
    return "no step has ended yet" if not detail.run.run.HasField("end_time") else "no steps were recorded"


def _times(summary: RunSummary) -> Iterator[str]:
    run = summary.run
    yield f"started {wording.clock(run.start_time)} UTC"
    if run.HasField("end_time"):
        yield f"took {wording.length(wording.took_seconds(summary))}"
    else:
        yield f"not ended; last sign of life {wording.clock(summary.update_time, '%H:%M:%S')}"


def _amounts(summary: RunSummary) -> Iterator[str]:
    yield wording.counted(summary.step_count, "step")
    if summary.failed_step_count:
        yield f"{summary.failed_step_count:,} failed"
    if summary.retry_count:
        yield wording.counted(summary.retry_count, "retry", "retries")
    if summary.input_tokens or summary.output_tokens:
        yield f"{summary.input_tokens:,} tokens in, {summary.output_tokens:,} out"
    if summary.cost_micro_usd:
        yield wording.dollars(summary.cost_micro_usd)


def _completeness(detail: GetRunResponse) -> Text:
    told = detail.completeness
    if told.complete:
        return Text("complete: every step the agent recorded is here", "green")
    if told.missing_step_count:
        return Text(f"incomplete: {wording.counted(told.missing_step_count, 'step')} missing", "bold yellow")
    if told.missing_step_ids:
        return Text("incomplete: a step that others refer to is missing", "bold yellow")
    if not detail.run.run.HasField("end_time"):
        return Text("complete or not: known when it has ended", "dim")
    return Text("not known whether steps are missing: the agent has not told how many it recorded", "yellow")


def _why(detail: GetRunResponse, codes: Mapping[tuple[int, str], FailureCode]) -> Iterator[RenderableType]:
    """Yield the root failure first, then how many others there are."""
    root = next((failure for failure in detail.failures if failure.root), None)
    if root is not None:
        yield from _failure(root, detail, codes)
    unrecovered = sum(not failure.recovered for failure in detail.failures)
    recovered = len(detail.failures) - unrecovered
    others = unrecovered - (root is not None)
    if others > 0:
        yield Text(f"{wording.counted(others, 'more failure')} not recovered; each is marked at its step", "red")
    if recovered:
        yield Text(f"{wording.counted(recovered, 'failure')} recovered by a retry", "green")
    if not detail.failures:
        yield _without_failures(wording.status_word(detail.run.run.status))


def _without_failures(status: str) -> Text:
    if status == "abandoned":
        return Text(
            "nothing was received of it for its lease: its process may have died after the last step", "magenta"
        )
    if status in {"failure", "partial"}:
        return Text("the agent recorded no failure: the last steps are where to look", "yellow")
    return Text("no failures", "green")


def _failure(
    root: FailureDetail, detail: GetRunResponse, codes: Mapping[tuple[int, str], FailureCode]
) -> Iterator[RenderableType]:
    failure = root.failure
    line = Text(f"✗ {failure.code}", "bold red")
    line.append(f" · {wording.failure_type_word(failure.type)} failure · {_place(root, detail.run)}", "not bold red")
    yield line
    entry = codes.get((failure.type, failure.code))
    if entry is not None:
        yield _below(Text(f"{entry.title}."))
        yield _below(Text(f"→ {entry.remedy}", "bold"))
    facts = list(failure_facts(failure))
    if facts:
        yield _below(Text(" · ".join(facts), "dim"))
    led_to = [found for found in detail.failures if found.failure.caused_by_failure_id == failure.failure_id]
    if led_to:
        places = ", ".join(f"{found.failure.code} in {found.step_name or 'the run'}" for found in led_to)
        yield _below(Text(f"led to {places}", "red"))


def _below(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2), expand=False)


def _place(root: FailureDetail, summary: RunSummary) -> str:
    offset = wording.seconds(root.failure.occur_time) - wording.seconds(summary.run.start_time)
    where = f"in step {root.step_name}" if root.step_name else "of the run as a whole"
    if root.attempt > 1:
        where += f", attempt {root.attempt}"
    return f"{where}, {wording.length(max(0.0, offset))} after the start"


def _span(summary: RunSummary, steps: Sequence[Step]) -> tuple[float, float]:
    start, end = time_span(summary, steps)
    return start / 1e9, end / 1e9
