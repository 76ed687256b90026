"""The page of one run: what it was, why it failed, and its steps in time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agenttrace.showing.run_search import part_of_id
from agenttrace_server.console import timeline_part, waterfall
from agenttrace_server.console.asked import naming
from agenttrace_server.console.catalogue import Catalogue
from agenttrace_server.console.finding import by_part
from agenttrace_server.console.lanes import Lanes
from agenttrace_server.console.neighbours import neighbours
from agenttrace_server.console.pages import render
from agenttrace_server.console.root_cause import root_cause
from agenttrace_server.console.run_view import from_parameters
from agenttrace_server.console.state import reader
from agenttrace_server.console.step_details import attribute, details, short
from agenttrace_server.console.time_spent import time_spent

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_FAILURES = 25


async def page(request: Request) -> Response:
    """GET /runs/{run_id}: the run, or the way to it from a part of its id."""
    with naming("run_id"):
        part = part_of_id(request.path_params["run_id"])
    return await _run(request, part.text) if part.is_whole else await by_part(request, part)


async def _run(request: Request, run_id: str) -> Response:
    view = from_parameters(request.query_params)
    client = reader(request)
    detail, codes = await asyncio.gather(client.run(run_id), client.failure_codes())
    beside = await neighbours(client, detail.run.run)
    # Most of a second for the largest of runs, in which other pages shall not wait.
    timeline = await asyncio.to_thread(waterfall.timeline, detail)
    shown = timeline_part.part(timeline, view)
    catalogue = Catalogue(codes)
    return render(
        request,
        "run.html",
        summary=detail.run,
        run=detail.run.run,
        completeness=detail.completeness,
        failures=detail.failures[view.failure : view.failure + _FAILURES],
        failure_count=len(detail.failures),
        failures_shown=_FAILURES,
        cause=root_cause(detail, timeline, catalogue),
        catalogue=catalogue,
        neighbours=beside,
        timeline=timeline,
        part=shown,
        page_rows=timeline_part.PAGE_ROWS,
        lanes=Lanes(shown, view),
        spent=time_spent(timeline),
        chosen=details(timeline, view.step) if view.step else None,
        short=short,
        attempt_marks=waterfall.attempt_marks,
        attribute=attribute,
        view=view,
    )
