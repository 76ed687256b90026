"""Whether the services themselves are well: rate, errors and duration of calls, and what they run out of."""

from __future__ import annotations

from dashboards.builder import variables
from dashboards.builder.boards import writing
from dashboards.builder.boards.expressions import RATE, SERVICES, error_share, quantile, rate_of
from dashboards.builder.boards.shared import OF_PROCESS as P
from dashboards.builder.fields import ANY_IS_BAD, SLOW, Column, Json
from dashboards.builder.layout import dashboard
from dashboards.builder.panels import promql, promqls, row, stat, table, timeseries

_AVAILABILITY = [(None, "red"), (0.999, "orange"), (0.9995, "green")]
_BUDGET = [(None, "red"), (0.1, "orange"), (0.5, "green")]
_BURN = [(None, "green"), (1, "yellow"), (6, "orange"), (14.4, "red")]


def build() -> Json:
    """The dashboard."""
    panels = [
        row("Service level"),
        *_service_level(),
        row("Ingest"),
        *writing.ingest(),
        row("Calls"),
        *_calls(),
        row("Database"),
        *writing.database(),
        row("Processes"),
        *_processes(),
    ]
    return dashboard(
        "agenttrace-service",
        "Agents / Service health",
        "Whether ingest, query and maintain are well, from their metrics alone: it works while the database is down.",
        [variables.prometheus(), *variables.labels()],
        panels,
        since="now-3h",
        refresh="30s",
    )


def _service_level() -> list[Json]:
    return [
        stat(
            "Availability, 30 days",
            "Calls that were not answered with an error of ours; the aim is 99.9 %. What has no 30 "
            "days yet is measured since it began.",
            promql(f"1 - {error_share('30d')}", "availability"),
            unit="percentunit",
            steps=_AVAILABILITY,
            decimals=3,
            w=6,
            h=4,
            empty="No calls yet",
        ),
        stat(
            "Error budget left",
            "What is left of the 0.1 % of errors that 30 days allow. Below a half, stop risking releases; "
            "below nothing, the aim is missed.",
            promql(f"1 - {error_share('30d')} / 0.001", "budget"),
            unit="percentunit",
            steps=_BUDGET,
            decimals=1,
            w=6,
            h=4,
            empty="No calls yet",
        ),
        stat(
            "Burn rate, 1 hour",
            "How many times faster than allowed the budget goes. From 14.4 somebody is woken: look at "
            "errors by code below, then at the database.",
            promql(f"{error_share('1h')} / 0.001", "burn rate"),
            unit="none",
            steps=_BURN,
            decimals=2,
            w=6,
            h=4,
            empty="No calls yet",
        ),
        stat(
            "Burn rate, 6 hours",
            "The same over six hours: a slow leak. From 6 it needs somebody today.",
            promql(f"{error_share('6h')} / 0.001", "burn rate"),
            unit="none",
            steps=_BURN,
            decimals=2,
            w=6,
            h=4,
            empty="No calls yet",
        ),
    ]


def _calls() -> list[Json]:
    seconds = "grpc_server_handling_seconds"
    by_code = rate_of("grpc_server_handled_total", "grpc_code", f', {SERVICES}, grpc_code!="OK"')
    slow = [
        (quantile(q, seconds, "grpc_method", f", {SERVICES}"), f"{{{{grpc_method}}}} p{q * 100:.0f}")
        for q in (0.5, 0.95, 0.99)
    ]
    return [
        timeseries(
            "Calls",
            "Calls that began, by method, each second. Compare with the errors beside it: both up is load, only "
            "errors is a fault.",
            promql(rate_of("grpc_server_started_total", "grpc_method", f", {SERVICES}"), "{{grpc_method}}"),
            unit="reqps",
            w=12,
            h=8,
        ),
        timeseries(
            "Errors by code",
            "Calls not answered OK. UNAVAILABLE is overload or the database; INTERNAL is a bug with an "
            "id in the log; UNAUTHENTICATED is a client's key.",
            promql(by_code, "{{grpc_code}}"),
            unit="reqps",
            w=12,
            h=8,
            empty="No errors",
        ),
        timeseries(
            "Latency",
            "How long calls take, by method. Streams last as long as their clients want: look at the unary "
            "ones first. The diamonds are examples.",
            promqls(*slow, exemplars=True),
            unit="s",
            steps=SLOW,
            w=12,
            h=8,
            empty="No calls",
        ),
        timeseries(
            "In flight",
            "Calls that have begun and not ended. A count that only rises is calls that never end: look at "
            "the queue and at the pool.",
            promql(f"sum by (grpc_method) (agenttrace_rpc_in_flight{{{P}}})", "{{grpc_method}}"),
            unit="short",
            w=12,
            h=8,
        ),
    ]


def _processes() -> list[Json]:
    build = {
        "Time": Column(title="", hidden=True),
        "__name__": Column(title="", hidden=True),
        "Value": Column(title="", hidden=True),
        "job": Column(title="Job"),
        "instance": Column(title="Instance"),
        "version": Column(title="Version"),
        "revision": Column(title="Revision"),
        "python": Column(title="Python"),
    }
    return [
        stat(
            "Up",
            "Processes that answer a scrape. Fewer than there should be: a process is down, or its target is not in "
            "Prometheus.",
            promql(f"sum(up{{{P}}})", "up"),
            unit="short",
            steps=[(None, "red"), (1, "green")],
            w=4,
            h=8,
            empty="None",
        ),
        stat(
            "Restarts in an hour",
            "How often processes began anew. More than a release explains: read the log before the "
            "restart, and look at the memory.",
            promql(f"sum(changes(process_start_time_seconds{{{P}}}[1h]))", "restarts"),
            unit="short",
            steps=ANY_IS_BAD,
            w=4,
            h=8,
            empty="None",
        ),
        timeseries(
            "Processor",
            "Processor time each process takes; 1 is one core. A service at 1 is at its limit: run another worker.",
            promql(f"rate(process_cpu_seconds_total{{{P}}}{RATE})", "{{job}} {{instance}}"),
            unit="none",
            w=8,
            h=8,
        ),
        timeseries(
            "Memory",
            "Resident memory of each process. Under even load it is level; a steady rise is a leak: tell us, "
            "with the build below.",
            promql(f"process_resident_memory_bytes{{{P}}}", "{{job}} {{instance}}"),
            unit="bytes",
            w=8,
            h=8,
        ),
        timeseries(
            "Open files",
            "Open files and sockets beside the limit of the process. Near the limit new connections are "
            "refused: raise it.",
            promqls(
                (f"process_open_fds{{{P}}}", "{{job}} {{instance}}"),
                (f"process_max_fds{{{P}}}", "{{job}} {{instance}} limit"),
            ),
            unit="short",
            w=8,
            h=8,
        ),
        timeseries(
            "Garbage collections",
            "Runs of Python's collector by generation. Many of generation 2 cost latency: they "
            "come with large batches.",
            promql(rate_of("python_gc_collections_total", "generation"), "generation {{generation}}"),
            unit="ops",
            w=8,
            h=8,
        ),
        timeseries(
            "Dependencies",
            "1 while a dependency of a process answers, 0 while not. At 0, begin with that dependency.",
            promql(f"min by (job, dependency) (agenttrace_ready{{{P}}})", "{{job}} {{dependency}}"),
            unit="bool_on_off",
            steps=[(None, "red"), (1, "green")],
            w=8,
            h=8,
        ),
        table(
            "Builds",
            "What runs where. Two versions side by side are a release under way; for days, one that stopped half way.",
            promql(f"agenttrace_build_info{{{P}}}", instant=True),
            build,
            w=24,
            h=6,
            empty="No process answers",
        ),
    ]
