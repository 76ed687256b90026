"""Draws one run: what it was, why it failed, and its steps in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from agenttrace.cli import wording
from agenttrace.cli.waterfall import rows
from agenttrace.cli.waterfall_view import WaterfallView

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
    line.append(
        f" {wording.STATUS_MARKS.get(status, '·')} {status} ", f"reverse {wording.STATUS_STYLES.get(status, '')}"
    )
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
        yield f"took {wording.length(wording.seconds(run.end_time) - wording.seconds(run.start_time))}"
    else:
        yield f"not ended; last sign of life {wording.clock(summary.update_time, '%H:%M:%S')}"


def _amounts(summary: RunSummary) -> Iterator[str]:
    yield wording.count(summary.step_count, "step")
    if summary.failed_step_count:
        yield f"{summary.failed_step_count:,} failed"
    if summary.retry_count:
        yield wording.count(summary.retry_count, "retry", "retries")
    if summary.input_tokens or summary.output_tokens:
        yield f"{summary.input_tokens:,} tokens in, {summary.output_tokens:,} out"
    if summary.cost_micro_usd:
        yield wording.dollars(summary.cost_micro_usd)


def _completeness(detail: GetRunResponse) -> Text:
    told = detail.completeness
    if told.complete:
        return Text("complete: every step the agent recorded is here", "green")
    if told.missing_step_count:
        return Text(f"incomplete: {wording.count(told.missing_step_count, 'step')} missing", "bold yellow")
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
        yield Text(f"{wording.count(others, 'more failure')} not recovered; each is marked at its step", "red")
    if recovered:
        yield Text(f"{wording.count(recovered, 'failure')} recovered by a retry", "green")
    if not detail.failures:
        yield _without_failures(wording.status_word(detail.run.run.status))


def _without_failures(status: str) -> Text:
    if status == "ABANDONED":
        return Text(
            "nothing was received of it for its lease: its process may have died after the last step", "magenta"
        )
    if status in {"FAILURE", "PARTIAL"}:
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
    facts = list(_failure_facts(root))
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


def _failure_facts(root: FailureDetail) -> Iterator[str]:
    failure = root.failure
    if failure.exception_type:
        yield f"exception {failure.exception_type}"
    if failure.HasField("http_status"):
        yield f"HTTP status {failure.http_status}"
    if failure.HasField("grpc_status"):
        yield f"gRPC status {failure.grpc_status}"
    if failure.HasField("retryable"):
        yield "a retry could help" if failure.retryable else "a retry cannot help"


def _span(summary: RunSummary, steps: Sequence[Step]) -> tuple[float, float]:
    """Return when the first thing of the run began and the last ended."""
    starts = [wording.seconds(step.start_time) for step in steps]
    ends = [wording.seconds(step.end_time) for step in steps]
    start = wording.seconds(summary.run.start_time)
    # Of a run that goes on, the last sign of life: its latest step may still be running.
    end = wording.seconds(summary.run.end_time if summary.run.HasField("end_time") else summary.run.heartbeat_time)
    return min([start, *starts]), max([end, *ends])
