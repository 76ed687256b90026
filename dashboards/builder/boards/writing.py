"""The panels of service health that are about writing: the queue of ingest, and the database."""

from __future__ import annotations

from dashboards.builder.boards.expressions import RATE, quantile, rate_of
from dashboards.builder.boards.shared import OF_PROCESS as P
from dashboards.builder.fields import ANY_IS_BAD, SLOW, Json
from dashboards.builder.panels import heatmap, promql, promqls, timeseries

_FULL = [(None, "green"), (0.5, "yellow"), (0.8, "orange"), (0.95, "red")]
_LAG = [(None, "green"), (5, "yellow"), (30, "red")]


def ingest() -> list[Json]:
    """What comes in, and how long it waits."""
    items = "agenttrace_ingest_items_total"
    depth, capacity = f"agenttrace_ingest_queue_depth{{{P}}}", f"agenttrace_ingest_queue_capacity{{{P}}}"
    lag = "agenttrace_ingest_commit_lag_seconds"
    duplicate = rate_of(items, labels=', outcome="duplicate"')
    duplicates = f"{duplicate} / ({rate_of(items)} > 0)"
    return [
        timeseries(
            "Items stored",
            "Runs, steps and failures that were new, each second. A fall to nothing while agents work: "
            "look at refused calls and at the database.",
            promql(rate_of(items, "item", ', outcome="accepted"'), "{{item}}"),
            unit="ops",
            w=8,
            h=8,
        ),
        timeseries(
            "Refused, by reason",
            "Items and attributes refused for good. CONFLICT is two writers of one run; TOO_OLD is "
            "a spool older than the retention; anything else is an SDK or a client that errs.",
            promql(rate_of("agenttrace_ingest_rejections_total", "reason"), "{{reason}}"),
            unit="ops",
            w=8,
            h=8,
            empty="Nothing refused",
        ),
        timeseries(
            "Duplicates",
            "The part of the items that were known already. A peak after an outage is clients sending "
            "again; all the time, they do not get their acknowledgements.",
            promql(duplicates, "duplicates"),
            unit="percentunit",
            w=8,
            h=8,
            empty="No items",
        ),
        timeseries(
            "Queue",
            "How full the queue before the database is. From 80 % agents are about to be told to wait: look at "
            "how long batches take to write.",
            promql(f"{depth} / {capacity}", "{{instance}}"),
            unit="percentunit",
            steps=_FULL,
            w=8,
            h=8,
        ),
        timeseries(
            "Oldest row in the queue",
            "How long the row has waited that waits longest. It should be milliseconds; "
            "seconds are a database that does not keep up.",
            promql(f"agenttrace_ingest_queue_oldest_age_seconds{{{P}}}", "{{instance}}"),
            unit="s",
            steps=SLOW,
            w=8,
            h=8,
        ),
        timeseries(
            "From event to commit",
            "How long after it happened an item was stored. It includes the agent's own "
            "buffering; above 30 s look at the queue and at the agents' network.",
            promqls((quantile(0.5, lag), "p50"), (quantile(0.95, lag), "p95")),
            unit="s",
            steps=_LAG,
            w=8,
            h=8,
            empty="No items",
        ),
        heatmap(
            "Batch sizes",
            "How many rows are written together. Small ones under load: too many writers; only the "
            "largest: the database is the limit.",
            promql(f"sum by (le) (increase(agenttrace_ingest_batch_items_bucket{{{P}}}{RATE}))", "{{le}}")
            | {"format": "heatmap"},
            unit="short",
            w=12,
            h=8,
            empty="No batches",
        ),
        timeseries(
            "Writing a batch",
            "How long a batch's transaction takes. When it rises with even sizes, the database's disk "
            "or a lock is slow.",
            promqls(*((quantile(q, "agenttrace_ingest_flush_seconds"), f"p{q * 100:.0f}") for q in (0.5, 0.95, 0.99))),
            unit="s",
            steps=SLOW,
            w=12,
            h=8,
            empty="No batches",
        ),
    ]


def database() -> list[Json]:
    """The connections to the database and what they do."""
    waited = (
        f"sum by (pool) (rate(agenttrace_db_pool_wait_seconds_total{{{P}}}{RATE})) / "
        f"(sum by (pool) (rate(agenttrace_db_pool_requests_total{{{P}}}{RATE})) > 0)"
    )
    return [
        timeseries(
            "Connections",
            "Used and idle connections of each pool, and how many it may have. Used at the maximum: the "
            "next panel says whether somebody waits.",
            promqls(
                (f"sum by (pool, state) (agenttrace_db_pool_connections{{{P}}})", "{{pool}} {{state}}"),
                (f"sum by (pool) (agenttrace_db_pool_max_connections{{{P}}})", "{{pool}} maximum"),
            ),
            unit="short",
            w=8,
            h=8,
        ),
        timeseries(
            "Waiting for a connection",
            "Callers that wait now. Steadily above nothing: queries are slow or the pool is "
            "small; look at the query times first.",
            promql(f"sum by (pool) (agenttrace_db_pool_requests_waiting{{{P}}})", "{{pool}}"),
            unit="short",
            steps=ANY_IS_BAD,
            w=8,
            h=8,
        ),
        timeseries(
            "Wait for a connection",
            "The mean time that a caller waits for a connection. Milliseconds are well; a tenth "
            "of a second is felt by every call.",
            promql(waited, "{{pool}}"),
            unit="s",
            steps=[(None, "green"), (0.1, "orange")],
            w=8,
            h=8,
            empty="No requests",
        ),
        timeseries(
            "Query time, p95",
            "The slow end of each operation on the database. One that rises alone: its plan; all together: the server.",
            promql(quantile(0.95, "agenttrace_db_query_seconds", "operation"), "{{operation}}"),
            unit="s",
            steps=SLOW,
            w=16,
            h=8,
            empty="No queries",
        ),
        timeseries(
            "Connections lost",
            "Connections that broke, in the last hour. Some at a restart of the database; more "
            "are a firewall or a crash: read the database's log.",
            promql(f"sum by (pool) (increase(agenttrace_db_pool_connections_lost_total{{{P}}}[1h]))", "{{pool}}"),
            unit="short",
            steps=ANY_IS_BAD,
            w=8,
            h=8,
        ),
    ]
