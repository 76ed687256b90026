"""The commands: ask the query service, then print tables or JSON."""

from __future__ import annotations

import os
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

from rich.console import Console

from agenttrace import limits
from agenttrace.cli import json_output, run_view, stats_view, tables
from agenttrace.cli.arguments import parser
from agenttrace.client import QueryClient
from agenttrace.errors import AgentTraceError, CallError, NotFoundError, ServerError, UnavailableError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable, Sequence

    from google.protobuf.message import Message
    from rich.table import Table

    from agenttrace.filters import RunFilters
    from agenttrace.v1.failure_pb2 import FailureCode

DONE, REFUSED, WRONG_USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130

_PIPE_WIDTH = 140
_SEARCHED_RUNS = 1_000
_BY = {"version": "agent_version", "step-type": "step_type"}


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return its exit code."""
    options = parser().parse_args(arguments)
    try:
        with QueryClient(options.endpoint) as client:
            _COMMANDS[options.command](client, options, _console())
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has enough; what Python flushes at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return INTERRUPTED
    except AgentTraceError as error:
        return _explain(error, options.endpoint)
    return DONE


def show_runs(client: QueryClient, options: Namespace, console: Console) -> None:
    """List runs."""
    filters: Any = {
        "status": options.status,
        "failure_type": options.failure_type,
        "failure_code": options.failure_code,
        "tags": options.tag,
        "session_id": options.session,
        "has_retries": options.has_retries,
        "incomplete": options.incomplete,
    }
    listing = client.runs(limit=options.limit, **_scope(options), **_told(filters))
    _print_listing(listing, options, console, tables.runs)


def show_run(client: QueryClient, options: Namespace, console: Console) -> None:
    """Show one run."""
    detail = client.run(_run_id(client, options.id.lower()))
    if detail.next_page_token:
        detail.steps.extend(client.steps(detail.run.run.run_id, page_token=detail.next_page_token))
        detail.next_page_token = ""
    if options.json:
        print(json_output.document(detail))
    else:
        run_view.show(console, detail, detail.steps, _catalogue(client) if detail.failures else {})


def show_failures(client: QueryClient, options: Namespace, console: Console) -> None:
    """List failures."""
    filters: Any = {"type": options.type, "code": options.code, "recovered": False if options.unrecovered else None}
    run_id = _run_id(client, options.run.lower()) if options.run else ""
    scope: Any = _scope(options)
    listing = client.failures(run_id, limit=options.limit, **scope, **_told(filters))
    _print_listing(listing, options, console, tables.failures)


def show_stats(client: QueryClient, options: Namespace, console: Console) -> None:
    """Show statistics."""
    group_by = options.by or ""
    answer = client.stats(group_by=_BY.get(group_by, group_by), **_scope(options))
    if options.json:
        print(json_output.document(answer))
    else:
        stats_view.show(console, answer, group_by)


_COMMANDS: dict[str, Callable[[QueryClient, Namespace, Console], None]] = {
    "runs": show_runs,
    "run": show_run,
    "failures": show_failures,
    "stats": show_stats,
}


def _console() -> Console:
    """Return the screen. A pipe has no width of its own: tables are not cut to 80 columns for it."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a bar that the encoding lacks is no reason to fail
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=_PIPE_WIDTH if piped else None, highlight=False, emoji=False)


def _scope(options: Namespace) -> RunFilters:
    """Return the filters that most commands share."""
    filters: Any = {
        "agent_id": options.agent,
        "agent_version": options.agent_version,
        "environment": options.environment,
        "since": options.since,
        "until": options.until,
    }
    scope: RunFilters = _told(filters)
    return scope


def _told(filters: dict[str, Any]) -> Any:
    return {name: value for name, value in filters.items() if value is not None}


def _print_listing(
    items: Iterable[Message], options: Namespace, console: Console, draw: Callable[[Any, int], Table]
) -> None:
    if options.json:
        for item in items:
            print(json_output.line(item))
        return
    shown = list(items)
    if not shown:
        console.print(f"no {options.command} found", style="dim")
        return
    console.print(draw(shown, console.width))
    if len(shown) == options.limit:
        console.print(f"the first {options.limit}; --limit shows more", style="dim")


def _run_id(client: QueryClient, told: str) -> str:
    """Return the whole id of a run of which the start or end is told."""
    if limits.UUID.fullmatch(told):
        return told
    newest = (found.run.run_id for found in client.runs(limit=_SEARCHED_RUNS))
    fitting = list(islice((run_id for run_id in newest if run_id.startswith(told) or run_id.endswith(told)), 2))
    if len(fitting) != 1:
        which = "several" if fitting else "none"
        raise NotFoundError(f"{which} of the newest {_SEARCHED_RUNS:,} runs has an id that starts or ends with {told}")
    return fitting[0]


def _catalogue(client: QueryClient) -> dict[tuple[int, str], FailureCode]:
    """Return what people read beside codes; nothing where the server keeps no catalogue."""
    try:
        return {(entry.type, entry.code): entry for entry in client.failure_codes()}
    except ServerError:
        return {}


def _explain(error: AgentTraceError, endpoint: str | None) -> int:
    """Say in one line what went wrong and what to do; return the exit code."""
    code, text = REFUSED, str(error)
    if isinstance(error, UnavailableError) and error.reason:
        code, text = UNREACHABLE, f"the server cannot answer now ({error.reason}): try again in a moment"
    elif isinstance(error, UnavailableError):
        address = endpoint or os.environ.get("AGENTTRACE_QUERY_ENDPOINT") or "127.0.0.1:50052"
        text = f"no server answers at {address}: is `agenttrace-server up` running? set AGENTTRACE_QUERY_ENDPOINT"
        code = UNREACHABLE
    elif isinstance(error, CallError):
        text = "; ".join([text, *(f"{field}: {why}" for field, why in error.violations)])
    else:
        code = WRONG_USAGE
    print(f"agenttrace: {text}", file=sys.stderr)
    return code
