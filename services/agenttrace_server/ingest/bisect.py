"""Finds the row that the database refuses, so that its neighbours are stored all the same."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from agenttrace_server.records import EncodedRow, Outcome, RunMessage, Verdict
from agenttrace_server.store.errors import RowsRefused
from agenttrace_server.store.ingest import IngestStore

_REFUSED = Verdict("INCONSISTENT")
_log = logging.getLogger(__name__)


async def write_bisecting(
    store: IngestStore,
    project_id: int,
    runs: Sequence[RunMessage],
    steps: Sequence[EncodedRow],
    failures: Sequence[EncodedRow],
    *,
    merge: bool,
) -> Outcome:
    """Store rows in one transaction, or where the database refuses one, by halves until it stands alone.

    Everything a client sends is checked before; what comes to this is a check that the database has and we lack.
    """
    try:
        return await store.write(project_id, runs, steps, failures, merge=merge)
    except RowsRefused:
        count = len(runs) + len(steps) + len(failures)
        if count == 1:
            _log.exception("row_refused")
            return Outcome([_REFUSED] * len(runs), [_REFUSED] * len(steps), [_REFUSED] * len(failures))
    first, second = _halves(runs, steps, failures)
    written = await write_bisecting(store, project_id, *first, merge=merge)
    also = await write_bisecting(store, project_id, *second, merge=merge)
    return Outcome(
        written.runs + also.runs,
        written.steps + also.steps,
        written.failures + also.failures,
        written.events.and_then(also.events),
    )


_Rows = tuple[Sequence[RunMessage], Sequence[EncodedRow], Sequence[EncodedRow]]


def _halves(
    runs: Sequence[RunMessage], steps: Sequence[EncodedRow], failures: Sequence[EncodedRow]
) -> tuple[_Rows, _Rows]:
    """Each list cut in two, so that at least one row is on either side."""
    if len(runs) + len(steps) + len(failures) == max(map(len, (runs, steps, failures))):
        cuts = [len(rows) // 2 for rows in (runs, steps, failures)]
    else:
        cuts = [(len(rows) + 1) // 2 for rows in (runs, steps, failures)]
        if all(cut == len(rows) for cut, rows in zip(cuts, (runs, steps, failures), strict=True)):
            cuts[1 if steps else 2] = 0  # one row of each kind: the runs on one side
    return (
        (runs[: cuts[0]], steps[: cuts[1]], failures[: cuts[2]]),
        (runs[cuts[0] :], steps[cuts[1] :], failures[cuts[2] :]),
    )
