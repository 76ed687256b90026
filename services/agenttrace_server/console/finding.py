"""The way to a run of whose id only the start or the end is known."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agenttrace import NotFoundError
from agenttrace.showing.run_search import PartOfId, async_runs_with, part_of_id
from agenttrace_server.console.asked import naming
from agenttrace_server.console.pages import render, url
from agenttrace_server.console.state import reader

_MOST_SHOWN = 20


class NoRunFits(NotFoundError):
    """No run that was looked through has an id with this start or end."""


async def find(request: Request) -> Response:
    """GET /find: go to the page of the run whose id, or a part of it, was typed."""
    told = request.query_params.get("id", "").strip()
    if not told:
        return RedirectResponse("/runs", 303)
    with naming("id"):
        return RedirectResponse(f"/runs/{part_of_id(told).text}", 303)


async def by_part(request: Request, part: PartOfId) -> Response:
    """Go to the run whose id starts or ends with a part; show those that do where there are several."""
    found = await async_runs_with(reader(request), part, _MOST_SHOWN + 1)
    kept = tuple(request.query_params.multi_items())
    if not found:
        raise NoRunFits("no run has an id that starts or ends like that")
    if len(found) == 1:
        return RedirectResponse(url(f"/runs/{found[0].run.run_id}", kept), 303)
    has_more = len(found) > _MOST_SHOWN
    return render(request, "found.html", runs=found[:_MOST_SHOWN], has_more=has_more, kept=kept)
