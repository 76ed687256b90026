"""Fills a database with a month of runs, and knows what was stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from agenttrace_server.store import statements

STEPS_PER_RUN = 12
_CHUNK_RUNS = 25_000
_CONNECTIONS = 2
_SQL = statements.parse(Path(__file__).with_suffix(".sql").read_text())


def load(url: str, steps: int) -> None:
    """Store so many steps of runs of the past 30 days, past the service: their counters are computed here."""
    runs = steps // STEPS_PER_RUN
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_SQL["partitions"])
        ranges = [(first, min(first + _CHUNK_RUNS, runs + 1) - 1) for first in range(1, runs + 1, _CHUNK_RUNS)]
        until = datetime.now(UTC)
        with ThreadPoolExecutor(_CONNECTIONS) as threads:
            shares = [ranges[share::_CONNECTIONS] for share in range(_CONNECTIONS)]
            list(threads.map(lambda share: _insert(url, share, runs, until), shares))
        connection.execute(_SQL["changes"])
        connection.execute(_SQL["tidy"])
        connection.execute("CHECKPOINT")
        wrong = connection.execute(_SQL["check"]).fetchone()
        assert wrong == (0,), f"{wrong} runs are stored with wrong counters"


def run_ids(url: str, count: int) -> list[str]:
    """Ids of so many stored runs, from all of the month."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(_SQL["run_ids"], {"count": count}).fetchall()
    return [str(run_id) for (run_id,) in rows]


def user_key(n: int) -> str:
    """The user key of run n."""
    digest = [hashlib.md5(f"{word}{n // 50}".encode(), usedforsecurity=False).hexdigest() for word in ("user", "key")]
    return "".join(digest)


def _insert(url: str, ranges: Sequence[tuple[int, int]], runs: int, until: datetime) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        # No trigger: the counters stand already.
        connection.execute("SET session_replication_role = replica")
        connection.execute(_SQL["functions"])
        for first, last in ranges:
            values = {"first": first, "last": last, "runs": runs, "until": until}
            with connection.transaction(), psycopg.ClientCursor(connection) as cursor:
                cursor.execute(_SQL["runs"], values)
                cursor.execute(_SQL["steps"], values)
