"""The real product, started as its user does, with a look into its database and its processes."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

import fix_product
from benchmarks import processes

# What uploads fill, and so what is emptied between two measurements.
_TABLES = "agent_runs, agent_steps, agent_failures, run_changes"
_STORED = """
    SELECT (SELECT count(*) FROM agent_steps),
           (SELECT count(*) FROM agent_runs),
           (SELECT count(*) FROM agent_runs WHERE end_time IS NOT NULL),
           (SELECT coalesce(sum(step_count), 0) FROM agent_runs)
"""
_COUNTERS = """
    SELECT md5(string_agg(c::text, ',' ORDER BY run_id)) FROM (
        SELECT run_id, step_count, failed_step_count, retry_count, failure_count, failure_types, failure_codes,
               input_tokens, output_tokens, cost_micro_usd
        FROM agent_runs) c
"""


class Stored(NamedTuple):
    """What a database holds; `counted_steps` as the runs' counters say."""

    steps: int
    runs: int
    ended_runs: int
    counted_steps: int

    def since(self, before: Stored) -> Stored:
        """What came since then."""
        return Stored(*(now - then for now, then in zip(self, before, strict=True)))


class BenchProduct:
    """A running product."""

    def __init__(self, product: fix_product.Product) -> None:
        self._pid = product.process.pid
        self.ingest: str = product.endpoints["ingest"]
        self.query: str = product.endpoints["query"]
        self.console: str = product.endpoints["console"]
        self.ingest_metrics: str = product.endpoints["metrics"]["ingest"]
        self.database_url: str = product.endpoints["database_url"]

    def connect(self) -> psycopg.Connection:
        """A connection of the owner."""
        return psycopg.connect(self.database_url, autocommit=True)

    def empty(self) -> None:
        """Remove what was uploaded."""
        with self.connect() as connection:
            connection.execute(f"TRUNCATE {_TABLES}")

    def maintain(self) -> None:
        """Do one round of maintenance: what waits to be computed is computed."""
        environment = fix_product.clean_environment(AGENTTRACE_SERVER_DATABASE_URL=self.database_url)
        command = [*fix_product.COMMAND, "maintain"]
        subprocess.run(command, env=environment, capture_output=True, timeout=1800, check=True)

    def checkpoint(self) -> None:
        """Write out what waits, so that no measurement pays for the one before."""
        with self.connect() as connection:
            connection.execute("CHECKPOINT")

    def stored(self) -> Stored:
        """Count what is stored."""
        with self.connect() as connection:
            row = connection.execute(_STORED).fetchone()
        assert row is not None
        return Stored(*map(int, row))

    def counters(self) -> str:
        """A digest of all counters of all runs."""
        with self.connect() as connection:
            row = connection.execute(_COUNTERS).fetchone()
        assert row is not None
        return str(row[0])

    def ingest_pids(self) -> list[int]:
        """The processes of the ingest service."""
        return [pid for pid in processes.descendants(self._pid) if _kind(pid) == "ingest"]

    def console_pids(self) -> list[int]:
        """The processes of the console."""
        return [pid for pid in processes.descendants(self._pid) if "serve console" in processes.command(pid)]

    def cpu(self) -> dict[str, float]:
        """Processor seconds so far: of the services, of PostgreSQL, and of everything on the machine."""
        kinds: dict[str, list[int]] = {"ingest": [], "postgres": [], "rest": []}
        for pid in processes.descendants(self._pid):
            kinds[_kind(pid)].append(pid)
        seconds = {kind: processes.cpu_seconds(pids) for kind, pids in kinds.items()}
        return seconds | {"machine": processes.machine_cpu_seconds()}


@contextmanager
def started(settings: Mapping[str, str]) -> Iterator[BenchProduct]:
    """Run the product for as long as the block runs, with these settings of the server."""
    with (
        tempfile.TemporaryDirectory(prefix="agenttrace-bench-", ignore_cleanup_errors=True) as folder,
        fix_product.up(Path(folder), **settings) as product,
    ):
        yield BenchProduct(product)


def _kind(pid: int) -> str:
    command = processes.command(pid)
    if "serve ingest" in command:
        return "ingest"
    return "postgres" if "postgres" in command.partition(" ")[0] else "rest"
