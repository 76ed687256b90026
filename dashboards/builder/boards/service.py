"""Whether the services themselves are well: rate, errors and duration of calls, and what they run out of."""

from __future__ import annotations

from dashboards.builder import variables
from dashboards.builder.boards import writing
from dashboards.builder.boards.expressions import RATE, SERVICES, error_share, of, quantiles, rate_of, total
from dashboards.builder.columns import hidden
from dashboards.builder.fields import BYTES, FAULTS, LATENCY, PER_SECOND, Json, Measure
from dashboards.builder.layout import dashboard, heading, line
from dashboards.builder.panels import stat, table, timeseries
from dashboards.builder.queries import promql, promqls

_AVAILABILITY = Measure("percentunit", [(None, "red"), (0.999, "orange"), (0.9995, "green")])
_BUDGET = Measure("percentunit", [(None, "red"), (0.1, "orange"), (0.5, "green")])
_BURN = Measure("none", [(None, "green"), (1, "yellow"), (6, "orange"), (14.4, "red")])
_CALLS = Measure("reqps")
_UP = Measure(steps=[(None, "red"), (1, "green")])
_PROCESS = "{{job}} {{instance}}"


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-service",
        "Agents / Service health",
        "Whether ingest, query and maintain are well, from their metrics alone: it works while the database is down.",
        [variables.prometheus(), *variables.labels()],
        [
            heading("Service level"),
            line(4, *_service_level()),
            heading("Ingest"),
            line(8, *writing.items()),
            line(8, *writing.queue()),
            line(8, *writing.batches()),
            heading("Calls"),
            line(8, *_calls()),
            line(8, *_answers()),
            heading("Database"),
            line(8, *writing.pools()),
            line(8, *writing.database(), widths=(16, 8)),
            heading("Processes"),
            line(8, *_up(), *_processor_and_memory(), widths=(4, 4, 8, 8)),
            line(8, *_inside()),
            line(6, _builds()),
        ],
        since="now-3h",
        refresh="30s",
    )


def _service_level() -> list[Json]:
    return [
        stat(
            "Availability, 30 days",
            "Calls that were not answered with an error of ours; the aim is 99.9 %. What has no 30 days yet is "
            "measured since it began.",
            promql(f"1 - {error_share('30d')}", "availability"),
            _AVAILABILITY,
            decimals=3,
            empty="No calls yet",
        ),
        stat(
            "Error budget left",
            "What is left of the 0.1 % of errors that 30 days allow. Below a half, stop risking releases; below "
            "nothing, the aim is missed.",
            promql(f"1 - {error_share('30d')} / 0.001", "budget"),
            _BUDGET,
            decimals=1,
            empty="No calls yet",
        ),
        stat(
            "Burn rate, 1 hour",
            "How many times faster than allowed the budget goes. From 14.4 somebody is woken: look at errors by code "
            "below, then at the database.",
            promql(f"{error_share('1h')} / 0.001", "burn rate"),
            _BURN,
            decimals=2,
            empty="No calls yet",
        ),
        stat(
            "Burn rate, 6 hours",
            "The same over six hours: a slow leak. From 6 it needs somebody today.",
            promql(f"{error_share('6h')} / 0.001", "burn rate"),
            _BURN,
            decimals=2,
            empty="No calls yet",
        ),
    ]


def _calls() -> list[Json]:
    by_code = rate_of("grpc_server_handled_total", "grpc_code", f'{SERVICES}, grpc_code!="OK"')
    return [
        timeseries(
            "Calls",
            "Calls that began, by method, each second. Compare with the errors beside it: both up is load, only "
            "errors is a fault.",
            promql(rate_of("grpc_server_started_total", "grpc_method", SERVICES), "{{grpc_method}}"),
            _CALLS,
        ),
        timeseries(
            "Errors by code",
            "Calls not answered OK. UNAVAILABLE is overload or the database; INTERNAL is a bug with an id in the log; "
            "UNAUTHENTICATED is a client's key.",
            promql(by_code, "{{grpc_code}}"),
            _CALLS,
            empty="No errors",
        ),
    ]


def _answers() -> list[Json]:
    seconds = quantiles("grpc_server_handling_seconds", 0.5, 0.95, 0.99, by="grpc_method", labels=SERVICES)
    return [
        timeseries(
            "Latency",
            "How long calls take, by method. Streams last as long as their clients want: look at the unary ones "
            "first. The diamonds are examples.",
            promqls(*seconds, exemplars=True),
            LATENCY,
            empty="No calls",
        ),
        timeseries(
            "In flight",
            "Calls that have begun and not ended. A count that only rises is calls that never end: look at the queue "
            "and at the pool.",
            promql(total("agenttrace_rpc_in_flight", "grpc_method"), "{{grpc_method}}"),
        ),
    ]


def _up() -> list[Json]:
    return [
        stat(
            "Up",
            "Processes that answer a scrape. Fewer than there should be: a process is down, or its target is not in "
            "Prometheus.",
            promql(f"sum({of('up')})", "up"),
            _UP,
            empty="None",
        ),
        stat(
            "Restarts in an hour",
            "How often processes began anew. More than a release explains: read the log before the restart, and look "
            "at the memory.",
            promql(f"sum(changes({of('process_start_time_seconds')}[1h]))", "restarts"),
            FAULTS,
            empty="None",
        ),
    ]


def _processor_and_memory() -> list[Json]:
    return [
        timeseries(
            "Processor",
            "Processor time each process takes; 1 is one core. A service at 1 is at its limit: run another worker.",
            promql(f"rate({of('process_cpu_seconds_total')}{RATE})", _PROCESS),
            Measure("none"),
        ),
        timeseries(
            "Memory",
            "Resident memory of each process. Under even load it is level; a steady rise is a leak: tell us, with the "
            "build below.",
            promql(of("process_resident_memory_bytes"), _PROCESS),
            BYTES,
        ),
    ]


def _inside() -> list[Json]:
    return [
        timeseries(
            "Open files",
            "Open files and sockets beside the limit of the process. Near the limit new connections are refused: "
            "raise it.",
            promqls(
                (of("process_open_fds"), _PROCESS),
                (of("process_max_fds"), f"{_PROCESS} limit"),
            ),
        ),
        timeseries(
            "Garbage collections",
            "Runs of Python's collector by generation. Many of generation 2 cost latency: they come with large "
            "batches.",
            promql(rate_of("python_gc_collections_total", "generation"), "generation {{generation}}"),
            PER_SECOND,
        ),
        timeseries(
            "Dependencies",
            "1 while a dependency of a process answers, 0 while not. At 0, begin with that dependency.",
            promql(f"min by (job, dependency) ({of('agenttrace_ready')})", "{{job}} {{dependency}}"),
            Measure("bool_on_off", _UP.steps),
        ),
    ]


def _builds() -> Json:
    return table(
        "Builds",
        "What runs where. Two versions side by side are a release under way; for days, one that stopped half way.",
        promql(of("agenttrace_build_info"), instant=True),
        [hidden("Time"), hidden("__name__"), hidden("Value"), "job", "instance", "version", "revision", "python"],
        empty="No process answers",
    )
