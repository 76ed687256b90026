"""The panels of service health that are about writing: the queue of ingest, and the database."""

from __future__ import annotations

from dashboards.builder.boards.expressions import increase_of, of, quantile, quantiles, rate_of, ratio, total
from dashboards.builder.fields import FAULTS, LATENCY, PER_SECOND, SHARE, Json, Measure
from dashboards.builder.panels import heatmap, timeseries
from dashboards.builder.queries import promql, promqls

_FULL = Measure("percentunit", [(None, "green"), (0.5, "yellow"), (0.8, "orange"), (0.95, "red")])
_LAG = Measure("s", [(None, "green"), (5, "yellow"), (30, "red")])
_WAIT = Measure("s", [(None, "green"), (0.1, "orange")])


def items() -> list[Json]:
    """What comes in."""
    stored = "agenttrace_ingest_items_total"
    duplicates = ratio(rate_of(stored, labels='outcome="duplicate"'), rate_of(stored))
    return [
        timeseries(
            "Items stored",
            "Runs, steps and failures that were new, each second. A fall to nothing while agents work: look at "
            "refused calls and at the database.",
            promql(rate_of(stored, "item", 'outcome="accepted"'), "{{item}}"),
            PER_SECOND,
        ),
        timeseries(
            "Refused, by reason",
            "Items and attributes refused for good. CONFLICT is two writers of one run; TOO_OLD is a spool older than "
            "the retention; anything else is an SDK or a client that errs.",
            promql(rate_of("agenttrace_ingest_rejections_total", "reason"), "{{reason}}"),
            PER_SECOND,
            empty="Nothing refused",
        ),
        timeseries(
            "Duplicates",
            "The part of the items that were known already. A peak after an outage is clients sending again; all the "
            "time, they do not get their acknowledgements.",
            promql(duplicates, "duplicates"),
            SHARE,
            empty="No items",
        ),
    ]


def queue() -> list[Json]:
    """How long it waits."""
    depth, capacity = of("agenttrace_ingest_queue_depth"), of("agenttrace_ingest_queue_capacity")
    return [
        timeseries(
            "Queue",
            "How full the queue before the database is. From 80 % agents are about to be told to wait: look at how "
            "long batches take to write.",
            promql(f"{depth} / {capacity}", "{{instance}}"),
            _FULL,
        ),
        timeseries(
            "Oldest row in the queue",
            "How long the row has waited that waits longest. It should be milliseconds; seconds are a database that "
            "does not keep up.",
            promql(of("agenttrace_ingest_queue_oldest_age_seconds"), "{{instance}}"),
            LATENCY,
        ),
        timeseries(
            "From event to commit",
            "How long after it happened an item was stored. It includes the agent's own buffering; above 30 s look at "
            "the queue and at the agents' network.",
            promqls(*quantiles("agenttrace_ingest_commit_lag_seconds", 0.5, 0.95)),
            _LAG,
            empty="No items",
        ),
    ]


def batches() -> list[Json]:
    """How it is written."""
    sizes = increase_of("agenttrace_ingest_batch_items_bucket", "$__rate_interval", "le")
    return [
        heatmap(
            "Batch sizes",
            "How many rows are written together. Small ones under load: too many writers; only the largest: the "
            "database is the limit.",
            promql(sizes, "{{le}}"),
            empty="No batches",
        ),
        timeseries(
            "Writing a batch",
            "How long a batch's transaction takes. When it rises with even sizes, the database's disk or a lock is "
            "slow.",
            promqls(*quantiles("agenttrace_ingest_flush_seconds", 0.5, 0.95, 0.99)),
            LATENCY,
            empty="No batches",
        ),
    ]


def pools() -> list[Json]:
    """The connections to the database, and who waits for one."""
    requests = rate_of("agenttrace_db_pool_requests_total", "pool")
    waited = ratio(rate_of("agenttrace_db_pool_wait_seconds_total", "pool"), requests)
    return [
        timeseries(
            "Connections",
            "Used and idle connections of each pool, and how many it may have. Used at the maximum: the next panel "
            "says whether somebody waits.",
            promqls(
                (total("agenttrace_db_pool_connections", "pool, state"), "{{pool}} {{state}}"),
                (total("agenttrace_db_pool_max_connections", "pool"), "{{pool}} maximum"),
            ),
        ),
        timeseries(
            "Waiting for a connection",
            "Callers that wait now. Steadily above nothing: queries are slow or the pool is small; look at the query "
            "times first.",
            promql(total("agenttrace_db_pool_requests_waiting", "pool"), "{{pool}}"),
            FAULTS,
        ),
        timeseries(
            "Wait for a connection",
            "The mean time that a caller waits for a connection. Milliseconds are well; a tenth of a second is felt "
            "by every call.",
            promql(waited, "{{pool}}"),
            _WAIT,
            empty="No requests",
        ),
    ]


def database() -> list[Json]:
    """What the database does."""
    lost = increase_of("agenttrace_db_pool_connections_lost_total", "1h", "pool")
    return [
        timeseries(
            "Query time, p95",
            "The slow end of each operation on the database. One that rises alone: its plan; all together: the server.",
            promql(quantile(0.95, "agenttrace_db_query_seconds", "operation"), "{{operation}}"),
            LATENCY,
            empty="No queries",
        ),
        timeseries(
            "Connections lost",
            "Connections that broke, in the last hour. Some at a restart of the database; more are a firewall or a "
            "crash: read the database's log.",
            promql(lost, "{{pool}}"),
            FAULTS,
        ),
    ]
