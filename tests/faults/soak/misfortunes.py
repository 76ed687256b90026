"""The faults of a soak. Each lasts some seconds, and has passed when it returns."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg

from faults.courier import channel_to, send
from faults.oracle import Generator, Journal
from faults.processes import wait_until
from faults.soak.load import AgentKeeper, RawLoad
from faults.soak.stage import Stage

_OURS = "datname = current_database() AND application_name LIKE 'agenttrace-ingest%'"
_SLOW = """
CREATE FUNCTION soak_slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({}); RETURN NULL; END $$;
CREATE TRIGGER soak_slow BEFORE INSERT ON agent_steps FOR EACH STATEMENT EXECUTE FUNCTION soak_slow();
"""
# Health may lie for so long; the same again is for a machine that has other things to do.
_TRUTH_SECONDS = 10.0


class Misfortunes:
    """What may happen to a stage.

    Attributes:
        counts: How often each has happened.
        recoveries: Seconds from the database's return to the next acknowledgement, and to SERVING.
    """

    def __init__(
        self, stage: Stage, load: RawLoad, agents: Sequence[AgentKeeper], journal: Journal, chance: random.Random
    ) -> None:
        self._stage = stage
        self._load = load
        self._agents = agents
        self._journal = journal
        self._chance = chance
        self.counts: Counter[str] = Counter()
        self.recoveries: list[tuple[float, float]] = []
        self._acts: dict[str, Callable[[], None]] = {
            "service killed": self._kill_service,
            "service drained": self._drain_service,
            "agent killed": self._kill_agent,
            "backend terminated": self._terminate_backends,
            "database stopped": self._restart_database,
            "runs locked": lambda: self._lock("agent_runs"),
            "steps locked": lambda: self._lock("agent_steps"),
            "clients cut off": self._cut_clients,
            "database slow": self._slow_database,
        }

    def happen(self) -> None:
        """Let one of them happen."""
        # Each has come once before any comes again.
        least = min(self.counts.get(name, 0) for name in self._acts)
        name = self._chance.choice([name for name in self._acts if self.counts[name] == least])
        print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
        self._acts[name]()
        self.counts[name] += 1

    def _kill_service(self) -> None:
        self._stage.victim.kill()
        time.sleep(self._chance.random() * 3)
        self._stage.victim.start()
        self._stage.lead()

    def _drain_service(self) -> None:
        self._stage.victim.terminate()
        assert self._stage.victim.wait(30) == 0
        self._stage.victim.start()
        self._stage.lead()

    def _kill_agent(self) -> None:
        self._chance.choice(self._agents).kill()

    def _terminate_backends(self) -> None:
        with self._stage.connect() as connection:
            for _ in range(self._chance.randrange(1, 8)):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"  # type: ignore[arg-type]
                    f" WHERE {_OURS} ORDER BY state, random() LIMIT 1"
                )
                time.sleep(self._chance.random() / 5)

    def _restart_database(self) -> None:
        self._stage.stop_database()
        seconds = self._chance.choice((0.0, 1.0, 6.0, 12.0))
        stopped = time.monotonic()
        if seconds > _TRUTH_SECONDS / 2:
            self._wait_for_health(serving=False)
        time.sleep(max(0.0, stopped + seconds - time.monotonic()))
        self._stage.start_database()
        back = time.monotonic()
        self._send_one()
        acknowledged = time.monotonic() - back
        self._wait_for_health(serving=True)
        self.recoveries.append((acknowledged, time.monotonic() - back))

    def _wait_for_health(self, *, serving: bool) -> None:
        what = f"I10 health says {'SERVING' if serving else 'NOT_SERVING'}"
        for service in self._stage.services:
            wait_until(lambda s=service: self._stage.is_serving(s) is serving, what, _TRUTH_SECONDS)  # type: ignore[misc]

    def _send_one(self) -> None:
        items = Generator(self._chance).run(3)
        self._load.note(items)
        with channel_to(self._stage.steady.address) as channel:
            while send(channel, [items], self._journal, resend=True, timeout=15):
                time.sleep(0.02)

    def _lock(self, table: str) -> None:
        with psycopg.connect(self._stage.url) as holder:
            holder.execute(f"LOCK TABLE {table} IN SHARE MODE")  # type: ignore[arg-type]
            time.sleep(self._chance.choice((1, 4, 8)))

    def _cut_clients(self) -> None:
        ways = self._chance.choice((self._stage.ways, self._stage.ways[:1]))
        for way in ways:
            way.cut()
        time.sleep(self._chance.choice((0.5, 3, 10, 20)))
        for way in ways:
            way.mend()

    def _slow_database(self) -> None:
        with self._stage.connect() as connection:
            connection.execute(_SLOW.format(self._chance.choice((0.2, 1, 2))))  # type: ignore[arg-type]
            time.sleep(self._chance.choice((2, 6)))
            connection.execute("DROP FUNCTION soak_slow CASCADE")


def leftovers(folder: Path, text: str) -> list[str]:
    """The files under a folder that have a text in them; databases aside, which have a dump."""
    files = [path for path in folder.rglob("*") if path.is_file() and "pgdata" not in path.parts]
    return [str(path.relative_to(folder)) for path in files if text.encode() in path.read_bytes()]
