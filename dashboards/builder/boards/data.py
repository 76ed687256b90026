"""What is stored, and whether it is complete."""

from __future__ import annotations

from dashboards.builder import statements
from dashboards.builder.boards import shared
from dashboards.builder.boards.expressions import increase_of
from dashboards.builder.columns import Column
from dashboards.builder.fields import AGO, BYTES, DAYS, FAULTS, SECONDS, Json, Measure
from dashboards.builder.layout import dashboard, heading, line
from dashboards.builder.panels import stat, table, timeseries
from dashboards.builder.queries import promql

_SQL = statements.load("data")
_AHEAD = Measure("d", [(None, "red"), (2, "orange"), (5, "green")])
_DEAD = Measure("percentunit", [(None, "green"), (0.2, "yellow"), (0.5, "red")])


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-data",
        "Agents / Data and storage",
        "What the database holds, and whether what it holds is complete.",
        [*shared.filters(), *shared.promql_beside_sql()],
        [
            heading("Storage"),
            line(4, *_storage(), widths=(4, 5, 5, 5, 5)),
            line(9, *_tables(), widths=(14, 10)),
            line(9, *_partitions_and_indexes()),
            heading("Completeness"),
            line(4, *_incomplete_runs()),
            line(9, *_delays_and_codes(), widths=(14, 10)),
        ],
        since="now-7d",
        refresh="5m",
    )


def _storage() -> list[Json]:
    return [
        stat(
            "Database",
            "What tables and indexes take. Compare with the disk; to take less, shorten the retention.",
            _SQL["bytes"],
            BYTES,
        ),
        stat(
            "Oldest day",
            "How old the oldest partition is. Older than the retention: the maintain process does not get to dropping "
            "it; read its log.",
            _SQL["oldest_day"],
            DAYS,
            empty="No partition",
        ),
        stat(
            "Days prepared",
            "For how many days to come there are partitions. Below two, the maintain process does not run: without a "
            "partition nothing can be stored.",
            _SQL["days_ahead"],
            _AHEAD,
            empty="No partition",
        ),
        stat(
            "Hours not rolled up",
            "Hours that are over and wait for their rollup longer than ten minutes. More than a few: the maintain "
            "process is behind or down.",
            _SQL["stale_hours"],
            FAULTS,
        ),
        stat(
            "Names beyond the cap",
            "Observations that had to be counted under _OTHER, for there are more agents or models than the metrics "
            "may have. Raise the cap, or look for an id in a name.",
            promql(increase_of("agenttrace_label_overflow_total", "$__range"), "overflow"),
            FAULTS,
            empty="None",
        ),
    ]


def _tables() -> list[Json]:
    return [
        table(
            "Tables",
            "Rows as the database estimates them, and their size. A large dead share that stays: autovacuum does not "
            "keep up; look for long transactions.",
            _SQL["tables"],
            [
                "table_name",
                "partitions",
                "rows",
                Column("table_bytes", "Table", BYTES, gauge=True),
                Column("index_bytes", "Indexes", BYTES),
                "dead_rows",
                Column("dead_share", measure=_DEAD),
                Column("last_vacuum", measure=AGO),
            ],
        ),
        timeseries(
            "Steps stored by day",
            "From the hourly rollups: the hour that runs is not in it. A day far below the others is a gap: look at "
            "the agents' drops and at the alerts of that day.",
            _SQL["rows_per_day"],
            bars=True,
            time_from="30d",
            empty="No hour is rolled up yet",
        ),
    ]


def _partitions_and_indexes() -> list[Json]:
    return [
        table(
            "Partitions",
            "Each day's partitions, newest first. A day many times the others: look at which agent wrote.",
            _SQL["partitions"],
            [Column("relation", "Partition"), "day", "rows", Column("bytes", "Size", BYTES, gauge=True)],
            empty="No partition",
        ),
        table(
            "Indexes",
            "The least used first. All are there for a query; one that is large and never scanned in weeks is worth a "
            "question to us.",
            _SQL["indexes"],
            ["table_name", Column("index_name", "Index"), Column("bytes", "Size", BYTES), "scans"],
        ),
    ]


def _incomplete_runs() -> list[Json]:
    return [
        stat(
            "Runs without an end",
            "RUNNING, and no word for an hour. The maintain process will call them ABANDONED when their lease is "
            "over; look at their agents' processes.",
            _SQL["open_runs"],
            FAULTS,
        ),
        stat(
            "Runs with steps missing",
            "Ended runs that announced more steps than came. Look for drops in the logs of their agents, or for "
            "spools that were never sent.",
            _SQL["incomplete_runs"],
            FAULTS,
        ),
        stat(
            "Runs without a start",
            "Runs of which steps came and no beginning. Some are on their way; if they stay, an agent loses its first "
            "message.",
            _SQL["orphans"],
            FAULTS,
        ),
        stat(
            "Late runs",
            "Runs that were first heard of more than an hour after they began: sent from a spool, after an outage. If "
            "they are many every day, look at the agents' network.",
            _SQL["late_runs"],
            FAULTS,
        ),
    ]


def _delays_and_codes() -> list[Json]:
    return [
        timeseries(
            "From start to first word",
            "How long after its start a run is first heard of. It should be seconds; hours are spools that were sent "
            "after an outage.",
            _SQL["delays"],
            SECONDS,
        ),
        table(
            "Codes without an explanation",
            "Codes that the catalogue does not have. Write what they mean and what to do into a file and import it: "
            "agenttrace-server codes import.",
            _SQL["codes_without_text"],
            ["type", "code", "failures", "last_seen"],
            empty="Every code is explained",
        ),
    ]
