"""The command `export`: runs with their steps and failures, to a file or to standard output."""

from __future__ import annotations

import datetime as dt
import json
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from agenttrace.cli import json_output
from agenttrace.cli.exit_codes import DONE
from agenttrace.cli.export_rows import Row, batches, expected_count, start_ns
from agenttrace.cli.part_file import Checkpoint, PartFile
from agenttrace.cli.selecting import run_filters
from agenttrace.errors import CallError, InvalidValueError
from agenttrace.filters import moment

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from agenttrace.client import QueryClient
    from agenttrace.filters import RunFilters

_PARQUET = ".parquet"


def export(client: QueryClient, options: Namespace, _: Console) -> int:
    """Export runs."""
    if options.output is None:
        return _to_standard_output(client, options)
    target = Path(options.output)
    as_parquet = _is_parquet(options)
    convert = _converter(runs_only=options.runs_only) if as_parquet else None
    begun = _checkpoint(options, target)
    if begun is None:
        print(f"{target} is complete; --force exports anew", file=sys.stderr)
        return DONE
    try:
        with PartFile(target, begun) as file:
            _fill(client, file, options, as_parquet=as_parquet)
            file.finish(convert)
    except (KeyboardInterrupt, CallError):
        print(f"{begun.row_count:,} runs are safe in {target}.part; --resume goes on", file=sys.stderr)
        raise
    except OSError as error:
        raise InvalidValueError(f"{target} cannot be written: {error.strerror}") from None
    _report(options, target, begun)
    return DONE


def _to_standard_output(client: QueryClient, options: Namespace) -> int:
    if _is_parquet(options) or options.resume:
        raise InvalidValueError("parquet and --resume need a file: --output FILE")
    for rows, _ in batches(client, run_filters(options), runs_only=options.runs_only):
        for row in rows:
            sys.stdout.write(_json_row(row, runs_only=options.runs_only).decode())
        sys.stdout.flush()
    return DONE


def _fill(client: QueryClient, file: PartFile, options: Namespace, *, as_parquet: bool) -> None:
    filters = _within(run_filters(options), file.checkpoint)
    with _progress() as progress:
        total = expected_count(client, filters) if not progress.disable else None
        task = progress.add_task(file.target.name, total=total, completed=file.checkpoint.row_count)
        for rows, last in batches(client, filters, runs_only=options.runs_only, after=file.checkpoint):
            for row in rows:
                file.write(_packed(row) if as_parquet else _json_row(row, runs_only=options.runs_only))
            file.commit(len(rows), start_ns(last), last.run.run_id)
            progress.update(task, completed=file.checkpoint.row_count)


def _checkpoint(options: Namespace, target: Path) -> Checkpoint | None:
    """Return where to begin or go on; None if there is nothing to do."""
    filters: Any = run_filters(options)
    request = json.dumps({"runs_only": options.runs_only, "parquet": _is_parquet(options)} | filters, default=repr)
    interrupted = None if options.force else PartFile.interrupted(target)
    if interrupted is None and target.exists() and not options.force:
        if options.resume:
            return None
        raise InvalidValueError(f"{target} is there already: --force replaces it")
    if interrupted is None:
        until = min(moment(filters.get("until", dt.timedelta(0))), dt.datetime.now(dt.UTC))
        since = moment(filters["since"]).isoformat() if "since" in filters else ""
        return Checkpoint(request, since, until.isoformat())
    if not options.resume:
        raise InvalidValueError(f"an interrupted export to {target} is there: --resume goes on, --force begins anew")
    if interrupted.request != request:
        raise InvalidValueError("the interrupted export asked for something else: give the same flags, or --force")
    return interrupted


def _within(filters: RunFilters, checkpoint: Checkpoint) -> RunFilters:
    """Return the filters with the times that held when the export began."""
    fixed: RunFilters = {**filters, "until": dt.datetime.fromisoformat(checkpoint.until)}
    if checkpoint.since:
        fixed["since"] = dt.datetime.fromisoformat(checkpoint.since)
    return fixed


def _is_parquet(options: Namespace) -> bool:
    told: str = options.format or ("parquet" if str(options.output).endswith(_PARQUET) else "jsonl")
    return told == "parquet"


def _converter(*, runs_only: bool) -> Callable[[Path, Path], None]:
    """Return what makes a Parquet file of a part; raise now, not at the end, if it cannot."""
    from agenttrace.cli import parquet  # noqa: PLC0415 - its library is heavy and optional

    parquet.require()
    return lambda part, target: parquet.convert(part, target, runs_only=runs_only)


def _json_row(row: Row, *, runs_only: bool) -> bytes:
    told = json_output.plain(row.run) if runs_only else json_output.run_detail(row)
    return (json.dumps(told, ensure_ascii=False) + "\n").encode()


def _packed(row: Row) -> bytes:
    message = row.SerializeToString()
    return struct.pack(">I", len(message)) + message


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"))
    return Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)


def _report(options: Namespace, target: Path, done: Checkpoint) -> None:
    if options.json:
        print(json.dumps({"file": str(target), "row_count": done.row_count, "since": done.since, "until": done.until}))
    else:
        print(f"{done.row_count:,} runs are in {target}", file=sys.stderr)
