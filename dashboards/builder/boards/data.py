"""What is stored, and whether it is complete."""

from __future__ import annotations

from dashboards.builder import statements
from dashboards.builder.boards import shared
from dashboards.builder.fields import ANY_IS_BAD, Column, Json
from dashboards.builder.layout import dashboard
from dashboards.builder.panels import promql, row, sql, stat, table, timeseries

_SQL = statements.load("data")
_AHEAD = [(None, "red"), (2, "orange"), (5, "green")]
_DEAD = [(None, "green"), (0.2, "yellow"), (0.5, "red")]


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-data",
        "Agents / Data and storage",
        "What the database holds, and whether what it holds is complete.",
        [*shared.filters(), *shared.promql_beside_sql()],
        [row("Storage"), *_storage(), *_tables(), row("Completeness"), *_quality(), *_lists()],
        since="now-7d",
        refresh="5m",
    )


def _storage() -> list[Json]:
    overflow = f"sum(increase(agenttrace_label_overflow_total{{{shared.OF_PROCESS}}}[$__range]))"
    return [
        stat(
            "Database",
            "What tables and indexes take. Compare with the disk; to take less, shorten the retention.",
            sql(_SQL["bytes"]),
            unit="bytes",
            w=4,
            h=4,
        ),
        stat(
            "Oldest day",
            "How old the oldest partition is. Older than the retention: the maintain process does not get to "
            "dropping it; read its log.",
            sql(_SQL["oldest_day"]),
            unit="d",
            w=5,
            h=4,
            empty="No partition",
        ),
        stat(
            "Days prepared",
            "For how many days to come there are partitions. Below two, the maintain process does not run: "
            "without a partition nothing can be stored.",
            sql(_SQL["days_ahead"]),
            unit="d",
            steps=_AHEAD,
            w=5,
            h=4,
            empty="No partition",
        ),
        stat(
            "Hours not rolled up",
            "Hours that are over and wait for their rollup longer than ten minutes. More than a few: "
            "the maintain process is behind or down.",
            sql(_SQL["stale_hours"]),
            unit="short",
            steps=ANY_IS_BAD,
            w=5,
            h=4,
        ),
        stat(
            "Names beyond the cap",
            "Observations that had to be counted under _OTHER, for there are more agents or models "
            "than the metrics may have. Raise the cap, or look for an id in a name.",
            promql(overflow, "overflow"),
            unit="short",
            steps=ANY_IS_BAD,
            w=5,
            h=4,
            empty="None",
        ),
    ]


def _tables() -> list[Json]:
    tables = {
        "table_name": Column(title="Table"),
        "partitions": Column(title="Partitions"),
        "rows": Column(title="Rows"),
        "table_bytes": Column(title="Table", unit="bytes", gauge=True),
        "index_bytes": Column(title="Indexes", unit="bytes"),
        "dead_rows": Column(title="Dead rows"),
        "dead_share": Column(title="Dead share", unit="percentunit", steps=_DEAD),
        "last_vacuum": Column(title="Last vacuum", unit="dateTimeFromNow"),
    }
    partitions = {
        "relation": Column(title="Partition"),
        "day": Column(title="Day"),
        "rows": Column(title="Rows"),
        "bytes": Column(title="Size", unit="bytes", gauge=True),
    }
    indexes = {
        "table_name": Column(title="Table"),
        "index_name": Column(title="Index"),
        "bytes": Column(title="Size", unit="bytes"),
        "scans": Column(title="Scans"),
    }
    return [
        table(
            "Tables",
            "Rows as the database estimates them, and their size. A large dead share that stays: autovacuum does "
            "not keep up; look for long transactions.",
            sql(_SQL["tables"]),
            tables,
            w=14,
            h=9,
        ),
        timeseries(
            "Steps stored by day",
            "From the hourly rollups: the hour that runs is not in it. A day far below the "
            "others is a gap: look at the agents' drops and at the alerts of that day.",
            sql(_SQL["rows_per_day"], series=True),
            unit="short",
            bars=True,
            timeFrom="30d",
            w=10,
            h=9,
            empty="No hour is rolled up yet",
        ),
        table(
            "Partitions",
            "Each day's partitions, newest first. A day many times the others: look at which agent wrote.",
            sql(_SQL["partitions"]),
            partitions,
            w=12,
            h=9,
            empty="No partition",
        ),
        table(
            "Indexes",
            "The least used first. All are there for a query; one that is large and never scanned in weeks is "
            "worth a question to us.",
            sql(_SQL["indexes"]),
            indexes,
            w=12,
            h=9,
        ),
    ]


def _quality() -> list[Json]:
    return [
        stat(
            "Runs without an end",
            "RUNNING, and no word for an hour. The maintain process will call them ABANDONED when "
            "their lease is over; look at their agents' processes.",
            sql(_SQL["open_runs"]),
            unit="short",
            steps=ANY_IS_BAD,
            w=6,
            h=4,
        ),
        stat(
            "Runs with steps missing",
            "Ended runs that announced more steps than came. Look for drops in the logs of their "
            "agents, or for spools that were never sent.",
            sql(_SQL["incomplete_runs"]),
            unit="short",
            steps=ANY_IS_BAD,
            w=6,
            h=4,
        ),
        stat(
            "Runs without a start",
            "Runs of which steps came and no beginning. Some are on their way; if they stay, an agent "
            "loses its first message.",
            sql(_SQL["orphans"]),
            unit="short",
            steps=ANY_IS_BAD,
            w=6,
            h=4,
        ),
        stat(
            "Late runs",
            "Runs that were first heard of more than an hour after they began: sent from a spool, after an "
            "outage. If they are many every day, look at the agents' network.",
            sql(_SQL["late_runs"]),
            unit="short",
            steps=ANY_IS_BAD,
            w=6,
            h=4,
        ),
    ]


def _lists() -> list[Json]:
    codes = {
        "type": Column(title="Type"),
        "code": Column(title="Code"),
        "failures": Column(title="Failures"),
        "last_seen": Column(title="Last seen", unit="dateTimeFromNow"),
    }
    return [
        timeseries(
            "From start to first word",
            "How long after its start a run is first heard of. It should be seconds; hours "
            "are spools that were sent after an outage.",
            sql(_SQL["delays"], series=True),
            unit="s",
            w=14,
            h=9,
        ),
        table(
            "Codes without an explanation",
            "Codes that the catalogue does not have. Write what they mean and what to do "
            "into a file and import it: agenttrace-server codes import.",
            sql(_SQL["codes_without_text"]),
            codes,
            w=10,
            h=9,
            empty="Every code is explained",
        ),
    ]
