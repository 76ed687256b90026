"""Runs a soak and prints its verdict."""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from agenttrace_server.embedded.binaries import find_binaries
from faults import agent, oracle
from faults.oracle import SEED, Journal, Key
from faults.processes import IngestProcess, wait_until
from faults.soak.load import CANARY, AgentKeeper, RawLoad
from faults.soak.misfortunes import Misfortunes, leftovers
from faults.soak.stage import Stage
from fix_store import RECOUNT

_WARM_UP_SECONDS = 15.0
_SETTLE_SECONDS = 5.0
_MEMORY_CAP = 256 * 2**20
_MEMORY_GROWTH = 40 * 2**20
_FILES_GROWTH = 6


@dataclass(frozen=True)
class Size:
    """What a service takes up."""

    memory: int
    files: int


class Scales:
    """Weighs a service once a second."""

    def __init__(self, service: IngestProcess) -> None:
        self._service = service
        self._done = threading.Event()
        self.most = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def now(self) -> Size:
        """The least of some seconds: what it can do with."""
        sizes = []
        for _ in range(10):
            sizes.append(Size(self._service.resident_bytes(), self._service.open_files()))
            time.sleep(0.3)
        return Size(min(size.memory for size in sizes), min(size.files for size in sizes))

    def end(self) -> None:
        self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(1):
            self.most = max(self.most, self._service.resident_bytes())


def main() -> int:
    """Run a soak for as long as asked; return 1 where an invariant does not hold."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=4, help="threads that upload without the SDK")
    parser.add_argument("--pause", type=float, default=0.6, help="seconds between a client's streams, on average")
    arguments = parser.parse_args()
    print(f"AGENTTRACE_FAULT_SEED={SEED}: {arguments.minutes:g} minutes", flush=True)
    # PostgreSQL's own user must be able to reach the folder.
    with TemporaryDirectory(prefix="agenttrace-soak-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with Journal(folder / "journal") as journal, Stage(folder) as stage:
            return _soak(stage, folder, journal, arguments)


def _soak(stage: Stage, folder: Path, journal: Journal, arguments: argparse.Namespace) -> int:
    chance = random.Random(f"{SEED}/soak")
    enough = folder / "enough"
    load = RawLoad(stage.ways, journal, clients=arguments.clients, pause_seconds=arguments.pause)
    agents = []
    for number, way in enumerate(stage.ways):
        (folder / f"agent-{number}").mkdir()
        agents.append(AgentKeeper(folder / f"agent-{number}", way, enough))
    misfortunes = Misfortunes(stage, load, agents, journal, chance)
    scales = Scales(stage.steady)
    load.start()
    time.sleep(_WARM_UP_SECONDS)
    before = scales.now()
    until = time.monotonic() + arguments.minutes * 60
    try:
        while time.monotonic() < until:
            misfortunes.happen()
            time.sleep(chance.uniform(0.5, 4))
        time.sleep(_SETTLE_SECONDS)
        after = scales.now()
    finally:
        enough.touch()
        load.end(120)
    for keeper in agents:
        keeper.end()
    scales.end()
    problems = _problems(stage, folder, journal, load, agents)
    problems += _size_problems(before, after, scales.most)
    _print_table(stage, journal, misfortunes, (before, after, scales.most), len(load.sent), problems)
    return 1 if problems else 0


def _problems(stage: Stage, folder: Path, journal: Journal, load: RawLoad, agents: list[AgentKeeper]) -> list[str]:
    """What is wrong with what is stored, and what is left behind."""
    with stage.connect() as connection:
        found = oracle.stored(connection)
        of_agents = {run_id for (run_id,) in connection.execute(
            "SELECT run_id::text FROM agent_runs WHERE agent_id = %s", (agent.AGENT_ID,)
        )}  # fmt: skip
        raw = {key: contents for key, contents in found.items() if key[1] not in of_agents}
        problems = oracle.problems_of(raw, load.sent, journal, complete=True, counts_are_exact=False)
        problems += [f"{reason}: {key}" for key, reason in journal.rejections]
        problems += oracle.structure_problems(connection)
        steps = {key: contents for key, contents in found.items() if key[0] == "steps" and key[1] in of_agents}
        problems += _agent_problems(connection, steps, agents)
        problems += [
            f"I7 counters: {run_id}" for run_id, counters, again in connection.execute(RECOUNT) if counters != again
        ]
        wait_until(lambda: not _open_transactions(connection), "I9 no transaction is left open")
    problems += [f"I8 canary in {name}" for name in leftovers(folder, CANARY)]
    problems += ["I8 canary in the metrics"] if CANARY in stage.metrics() else []
    problems += ["I8 canary in the database"] if _is_dumped(stage.url, CANARY) else []
    for service in stage.services:
        problems += [f"logged as an error: {line['event']}" for line in service.log_lines() if line["level"] == "ERROR"]
    return problems


def _agent_problems(
    connection: psycopg.Connection, steps: dict[Key, list[str]], agents: list[AgentKeeper]
) -> list[str]:
    problems, known = [], set()
    for keeper in agents:
        recorded = agent.recorded_keys(keeper.folder)
        mine = {key: contents for key, contents in steps.items() if key in recorded}
        problems += agent.problems_of(connection, mine, keeper.folder, complete=True)
        known |= recorded
    return problems + [f"I3 never recorded: {key}" for key in steps if key not in known]


def _open_transactions(connection: psycopg.Connection) -> int:
    ((count,),) = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'agenttrace-ingest%'"
        " AND datname = current_database() AND state <> 'idle'"
    )
    return int(count)


def _is_dumped(url: str, text: str) -> bool:
    """Whether a text is anywhere in the database's content."""
    command = [str(find_binaries() / "pg_dump"), "--data-only", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as dump:
        assert dump.stdout
        return sum(text.encode() in line for line in dump.stdout) > 0


def _size_problems(before: Size, after: Size, most: int) -> list[str]:
    problems = []
    if most > _MEMORY_CAP:
        problems.append(f"I9 {most / 2**20:.0f} MiB of memory")
    if after.memory - before.memory > _MEMORY_GROWTH:
        problems.append(f"I9 {(after.memory - before.memory) / 2**20:.0f} MiB more memory than at the start")
    if after.files - before.files > _FILES_GROWTH:
        problems.append(f"I9 {after.files - before.files} more open files than at the start")
    return problems


def _print_table(
    stage: Stage,
    journal: Journal,
    misfortunes: Misfortunes,
    sizes: tuple[Size, Size, int],
    sent_count: int,
    problems: list[str],
) -> None:
    with stage.connect() as connection:
        ((steps, of_agents),) = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE agent_id = %s) FROM agent_steps s"
            " JOIN agent_runs USING (project_id, run_id)", (agent.AGENT_ID,)
        )  # fmt: skip
    before, after, most = sizes
    kinds = Counter(problem.split(":")[0] for problem in problems)
    acknowledged = Counter(key[0] for key in journal.acknowledged())
    rows = [
        ("steps stored and verified", f"{steps:,} ({of_agents:,} of them of SDK agents with a spool)"),
        (
            "raw items acknowledged",
            f"{sum(acknowledged.values()):,} of {sent_count:,} sent ({acknowledged['steps']:,} steps)",
        ),
        ("told as duplicate", f"{sum(journal.duplicate.values()):,}"),
        ("calls that failed", ", ".join(f"{n} {s} {r}".strip() for (s, r), n in _failed(journal)) or "none"),
        ("faults", f"{misfortunes.counts.total()}: " + ", ".join(f"{n} x {k}" for k, n in misfortunes.counts.items())),
        ("lost", str(sum(n for kind, n in kinds.items() if "lost" in kind or "not there" in kind))),
        ("duplicated", str(kinds["I2 twice"])),
        ("first acknowledgement after the database is back", _seconds([first for first, _ in misfortunes.recoveries])),
        ("health SERVING after the database is back", _seconds([last for _, last in misfortunes.recoveries])),
        ("memory at start / end / most", f"{before.memory >> 20} / {after.memory >> 20} / {most >> 20} MiB"),
        ("open files at start / end", f"{before.files} / {after.files}"),
        ("verdict", f"{len(problems)} problems: " + "; ".join(problems[:8]) if problems else "I1 to I10 hold"),
    ]
    print()
    for name, value in rows:
        print(f"{name:<50} {value}")


def _failed(journal: Journal) -> list[tuple[tuple[str, str], int]]:
    return Counter((status, reason) for status, reason, _ in journal.errors).most_common()


def _seconds(values: list[float]) -> str:
    return f"p50 {statistics.median(values):.2f} s, max {max(values):.2f} s" if values else "no restart"


if __name__ == "__main__":
    sys.exit(main())
