"""The run explorer: every filter of ListRuns, newest first, page by page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agenttrace.showing.wording import seconds
from agenttrace.v1.run_pb2 import RunSummary
from agenttrace_server.console.pages import render, url
from agenttrace_server.console.periods import CHOICES
from agenttrace_server.console.selection import FAILURE_TYPES, LISTS, STATUSES, Selection, selection
from agenttrace_server.console.state import reader

PAGE_SIZE = 50
_ALL_TIME = ""


async def explorer(request: Request) -> Response:
    """GET /runs."""
    if "" in request.query_params.values():
        # A form sends every field; an address that people pass on has those alone that say something.
        return RedirectResponse(url("/runs", tuple(request.query_params.multi_items())), 303)
    chosen = selection(request.query_params)
    token = request.query_params.get("page_token", "")
    page = await reader(request).runs(limit=PAGE_SIZE, page_token=token, **chosen.filters).page()
    older = url("/runs", chosen.standing_still(), {"page_token": page.next_page_token}) if page.next_page_token else ""
    return render(
        request,
        "runs.html",
        runs=page.items,
        chosen=chosen,
        statuses=STATUSES,
        failure_types=FAILURE_TYPES,
        lists=LISTS,
        periods=_periods(chosen),
        older_url=older,
        newest_url=url("/runs", chosen.parameters),
        is_first=not token,
        # A page that goes on without being full: the search ran out of time.
        unfinished=bool(page.next_page_token) and len(page.items) < PAGE_SIZE,
        live_url=url("/live/runs", chosen.parameters),
        agents=sorted({run.run.agent_id for run in page.items if run.run.agent_id}),
        order=order,
    )


def order(summary: RunSummary) -> str:
    """Return what runs are sorted by, as text: newest first is from the greatest to the least."""
    start = dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(seconds=summary.run.start_time.seconds)
    return f"{start:%Y-%m-%dT%H:%M:%S}.{summary.run.start_time.nanos:09}/{summary.run.run_id}"


def newest_first(runs: Iterable[RunSummary]) -> list[RunSummary]:
    """Return runs in the order of the page."""
    return sorted(runs, key=lambda summary: (seconds(summary.run.start_time), summary.run.run_id), reverse=True)


def _periods(chosen: Selection) -> list[tuple[str, str, bool]]:
    """The choices of a period: its name, its address, whether it is chosen."""
    rest = tuple((name, value) for name, value in chosen.parameters if name not in {"since", "until"})
    current = chosen.text("since") if "until" not in chosen.told else None
    named = [(choice, choice) for choice in CHOICES] + [(_ALL_TIME, "All")]
    return [(name, url("/runs", rest, {"since": value}), value == current) for value, name in named]
