"""The commands that follow what happens: `tail`, and `runs --watch`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from agenttrace.cli import json_output, styles, tables
from agenttrace.cli.columns import WHOLE_IDS
from agenttrace.cli.exit_codes import DONE
from agenttrace.cli.selecting import run_filters
from agenttrace.errors import InvalidValueError
from agenttrace.showing import wording
from agenttrace.watching import Told

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from rich.console import Console

    from agenttrace.client import QueryClient
    from agenttrace.v1.run_pb2 import RunSummary


def tail(client: QueryClient, options: Namespace, console: Console) -> int:
    """Print the newest runs, then a line for each change, until interrupted."""
    # A pipe has room for whole ids.
    width = console.width if console.is_terminal else WHOLE_IDS
    for changed in changes(client, options, options.lines):
        for summary in changed:
            if options.json:
                print(json_output.line(summary))
            else:
                console.print(line(summary, width), soft_wrap=True)
        sys.stdout.flush()
    return DONE


def watch(client: QueryClient, options: Namespace, console: Console) -> int:
    """Keep a table of the newest runs up to date, until interrupted."""
    if options.json or not console.is_terminal:
        raise InvalidValueError("--watch draws on a terminal; `agenttrace tail` writes lines, with --json too")
    newest: dict[str, RunSummary] = {}
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as screen:
        for changed in changes(client, options, options.limit):
            newest = _newest(newest | {summary.run.run_id: summary for summary in changed}, options.limit)
            shown = list(newest.values())[: max(1, console.height - 3)]
            state = f"{wording.counted(len(newest), 'run')}, live; Ctrl-C ends it"
            screen.update(Group(tables.runs(shown, console.width), Text(state, "dim")), refresh=True)
    return DONE


def changes(client: QueryClient, options: Namespace, first: int) -> Iterator[list[RunSummary]]:
    """Yield the newest runs, the latest last, then runs as they change; nothing between is missed."""
    filters = run_filters(options)
    told = Told()
    events = client.watch(**filters).events()
    next(events)  # the watch stands: what changes during the listing comes behind it
    listed = list(client.runs(limit=first, **filters)) if first else []
    yield [summary for summary in reversed(listed) if told.is_news(summary)]
    for event in events:
        if changed := [summary for summary in event.runs if told.is_news(summary)]:
            yield changed


def line(summary: RunSummary, width: int) -> Text:
    """Return a run as one line: when, how it stands, whose it is, how to find it, what is known."""
    run = summary.run
    text = Text()
    text.append(wording.clock(summary.update_time, "%H:%M:%S "), "dim")
    status = styles.status(run.status)
    status.pad_right(12 - status.cell_len)
    text.append_text(status)
    text.append(f"{run.run_id if width >= WHOLE_IDS else wording.short_id(run.run_id)} ")
    text.append(f" {run.agent_id or '(not told)'} {run.agent_version}".rstrip(), "bold")
    text.append(f"  {' · '.join(_facts(summary))}")
    if summary.failure_codes:
        style = "red" if styles.is_bad(run.status) else "dim red"
        text.append(f"  ✗ {', '.join(summary.failure_codes)}", style)
    return text


def _facts(summary: RunSummary) -> Iterator[str]:
    if summary.run.HasField("end_time"):
        yield wording.length(wording.took_seconds(summary))
    yield wording.counted(summary.step_count, "step")
    if summary.retry_count:
        yield wording.counted(summary.retry_count, "retry", "retries")


def _newest(runs: dict[str, RunSummary], most: int) -> dict[str, RunSummary]:
    """Return the newest runs, the latest start first."""
    ordered = sorted(runs.values(), key=lambda summary: wording.seconds(summary.run.start_time), reverse=True)
    return {summary.run.run_id: summary for summary in ordered[:most]}
