"""The commands that show what is stored: runs, one run, failures, statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agenttrace.cli import follow, json_output, run_view, stats_view, tables
from agenttrace.cli.exit_codes import DONE, FOUND
from agenttrace.cli.over_time import over_time
from agenttrace.cli.selecting import failure_filters, run_filters, whole_id
from agenttrace.errors import ServerError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable

    from google.protobuf.message import Message
    from rich.console import Console
    from rich.table import Table

    from agenttrace.client import QueryClient
    from agenttrace.v1.failure_pb2 import FailureCode

_BY = {"version": "agent_version", "step-type": "step_type"}


def runs(client: QueryClient, options: Namespace, console: Console) -> int:
    """List runs."""
    if options.watch:
        return follow.watch(client, options, console)
    listing = client.runs(limit=options.limit, **run_filters(options))
    return _print_listing(listing, options, console, tables.runs)


def run(client: QueryClient, options: Namespace, console: Console) -> int:
    """Show one run."""
    detail = client.run(whole_id(client, options.id))
    if options.json:
        print(json_output.document(json_output.run_detail(detail)))
    else:
        run_view.show(console, detail, catalogue(client) if detail.failures else {})
    return DONE


def failures(client: QueryClient, options: Namespace, console: Console) -> int:
    """List failures."""
    run_id = whole_id(client, options.run) if options.run else ""
    listing = client.failures(run_id, limit=options.limit, **failure_filters(options))
    return _print_listing(listing, options, console, tables.failures)


def stats(client: QueryClient, options: Namespace, console: Console) -> int:
    """Show statistics."""
    by = options.by or ""
    group_by, filters = _BY.get(by, by), run_filters(options)
    if options.json:
        print(
            json_output.document(json_output.plain(client.stats(group_by=group_by, bucket=options.bucket, **filters)))
        )
        return DONE
    answer = client.stats(group_by=group_by, **filters)
    stats_view.show(console, answer, over_time(client, answer, group_by, options.bucket, filters), by)
    return DONE


def catalogue(client: QueryClient) -> dict[tuple[int, str], FailureCode]:
    """Return what people read beside codes; nothing where the server keeps no catalogue."""
    try:
        return {(entry.type, entry.code): entry for entry in client.failure_codes()}
    except ServerError:
        return {}


def _print_listing(
    items: Iterable[Message], options: Namespace, console: Console, draw: Callable[[Any, int], Table]
) -> int:
    found = _print_lines(items) if options.json else _print_table(list(items), options, console, draw)
    return FOUND if found and options.exit_code else DONE


def _print_lines(items: Iterable[Message]) -> int:
    number = 0
    for number, item in enumerate(items, start=1):  # noqa: B007 - how many there were
        print(json_output.line(item))
    return number


def _print_table(shown: list[Message], options: Namespace, console: Console, draw: Callable[[Any, int], Table]) -> int:
    if not shown:
        console.print(f"no {options.command} found", style="dim")
        return 0
    console.print(draw(shown, console.width))
    if len(shown) == options.limit:
        console.print(f"the first {options.limit}; --limit shows more", style="dim")
    return len(shown)
