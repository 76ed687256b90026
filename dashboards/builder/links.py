"""Where panels and their values lead."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.builder.fields import Json

_SOURCE = "&${postgres_datasource:queryparam}"


def link(title: str, url: str) -> Json:
    """A link of a panel or of a value."""
    return {"title": title, "url": url, "targetBlank": False}


def board_link(title: str, uid: str, *, keeping: Sequence[str] = ("project", "agent", "env")) -> Json:
    """A link to another dashboard that keeps the time range, these variables and the data source."""
    kept = "".join(f"&${{{name}:queryparam}}" for name in keeping)
    return link(title, f"/d/{uid}?${{__url_time_range}}{kept}{_SOURCE}")


OPEN_RUNS = board_link("Open these runs", "agenttrace-runs")
OPEN_FAILURES = board_link("Open the failures", "agenttrace-failures")
OPEN_COST = board_link("Open cost and tokens", "agenttrace-cost")

# Of a value: the whole way, with the run's own time range and the data source that the reader has chosen.
RUN = link(
    "Open run",
    "/d/agenttrace-run?var-run_id=${__data.fields.run_id:percentencode}"
    f"&from=${{__data.fields.from_ms}}&to=${{__data.fields.to_ms}}{_SOURCE}",
)
STEP = link(
    "Inspect this step",
    "/d/agenttrace-run?${run_id:queryparam}&var-step_id=${__data.fields.step_id:percentencode}&${__url_time_range}"
    + _SOURCE,
)
RUNS_OF_AGENT = link(
    "Runs of this agent",
    "/d/agenttrace-runs?var-agent=${__data.fields.agent:percentencode}"
    "&${project:queryparam}&${env:queryparam}&${__url_time_range}" + _SOURCE,
)
FAILURES_OF_AGENT = link(
    "Failures of this agent",
    "/d/agenttrace-failures?var-agent=${__field.labels.agent:percentencode}"
    "&${project:queryparam}&${env:queryparam}&${__url_time_range}" + _SOURCE,
)
FAILURES_OF_TYPE = link(
    "Failures of this type",
    "/d/agenttrace-failures?var-failure_type=${__data.fields.type:percentencode}"
    "&${project:queryparam}&${agent:queryparam}&${env:queryparam}&${__url_time_range}" + _SOURCE,
)
