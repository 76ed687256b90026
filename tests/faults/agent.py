"""An agent in a process of its own: records steps, and keeps a journal of what it was told is safe.

Run as a program with a Task as JSON; prints its last receipt as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from faults.oracle import SEED, Key, stored
from fix_product import clean_environment
from fix_store import assert_counters_equal_a_recount


@dataclass(frozen=True, kw_only=True)
class Task:
    """What an agent does: so many runs of so many steps each, then what `then` says.

    Attributes:
        flush_seconds: How long it flushes after each run; 0 for not at all. What the receipt says is on disk or
            acknowledged goes to the journal.
        enough: A file; once it is there, no further run begins. A machine may record all runs faster than another
            one notices the fault.
        pause_seconds: How long it rests after each run.
        canary: The text of an exception that a step of every tenth run raises; it must not be found anywhere.
        then: "exit", "close", "wait" for a signal, or "fork" so many children that record the same, too.
    """

    endpoint: str
    folder: str
    spool: str | None = None
    runs: int = 1
    steps: int = 100
    flush_seconds: float = 0.0
    enough: str | None = None
    pause_seconds: float = 0.0
    canary: str = ""
    then: str = "exit"
    children: int = 0
    bounds: dict[str, float] = field(default_factory=dict)


class Agent:
    """A running agent."""

    def __init__(self, task: Task, *, prefix: Sequence[str] = ()) -> None:
        self.task = task
        folder = Path(task.folder)
        folder.mkdir(exist_ok=True)
        self._errors = (folder / "stderr").open("a")
        paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = clean_environment(PYTHONPATH=os.pathsep.join(paths))
        command = [*prefix, sys.executable, "-W", "error", __file__, json.dumps(asdict(task))]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self._errors.close()

    def line(self) -> dict[str, Any]:
        """Wait for what it prints next: a receipt."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.warnings
        return dict(json.loads(line))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, seconds: float = 120) -> dict[str, Any]:
        """Wait for its end, which must be an ordinary one, and return its last receipt."""
        out, _ = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, self.warnings
        return dict(json.loads(out.splitlines()[-1]))

    @property
    def warnings(self) -> list[str]:
        return (Path(self.task.folder) / "stderr").read_text().splitlines()


def run(task: Task, **options: Any) -> dict[str, Any]:
    """Run an agent to its end; return its last receipt."""
    with Agent(task, **options) as agent:
        return agent.end()


def _keys(folder: Path, name: str) -> set[Key]:
    path = folder / name
    # A line that was being written when its process was killed is none.
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return {tuple(line.split()) for line in lines if line.endswith("\n")}  # type: ignore[misc]


def recorded_keys(folder: Path) -> set[Key]:
    """The steps that the agents of a folder recorded."""
    return _keys(folder, "recorded")


def recorded_count(folder: Path) -> int:
    """How many steps the agents of a folder recorded."""
    return len(recorded_keys(folder))


def check(connection: psycopg.Connection, folder: Path, *, complete: bool = False) -> dict[Key, list[str]]:
    """Compare the database with the journals of the agents of a folder; `complete`: everything recorded is there."""
    found = {key: contents for key, contents in stored(connection).items() if key[0] == "steps"}
    problems = problems_of(connection, found, folder, complete=complete)
    assert not problems, f"seed {SEED}: {len(problems)} problems: " + "; ".join(problems[:8])
    assert_counters_equal_a_recount(connection)
    return found


def problems_of(
    connection: psycopg.Connection, found: Mapping[Key, list[str]], folder: Path, *, complete: bool
) -> list[str]:
    """What differs between the steps of agents that were found and the agents' journals."""
    recorded, safe = _keys(folder, "recorded"), _keys(folder, "safe")
    problems = [f"I2 twice: {key}" for key, contents in found.items() if len(contents) > 1]
    problems += [f"I1 said to be safe and lost: {key}" for key in safe if key not in found]
    problems += [f"I3 never recorded: {key}" for key in found if key not in recorded]
    if complete:
        problems += [f"not there in the end: {key}" for key in recorded if key not in found]
    return problems + [f"I1 other content: {key}" for key in connection.execute(_WRONG, (AGENT_ID,))]


AGENT_ID = "recorder"
_WRONG = """
SELECT run_id, step_id FROM agent_steps s JOIN agent_runs r USING (project_id, run_id)
WHERE r.agent_id = %s AND (s.name <> 'work-' || s.sequence OR s.attributes ->> 'n' <> s.sequence::text)
"""


# A machine that does other things at the same time takes its time.
_PATIENCE_SECONDS = 90.0


class _Journal:
    def __init__(self, folder: Path) -> None:
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY
        self._recorded, self._safe = (os.open(folder / name, flags) for name in ("recorded", "safe"))
        self._fresh: list[bytes] = []

    def record(self, run_id: str, step_id: str) -> None:
        """Note a step before it is recorded."""
        line = f"steps {run_id} {step_id}\n".encode()
        os.write(self._recorded, line)
        self._fresh.append(line)

    def confirm(self) -> None:
        """Note that everything so far is on disk or acknowledged."""
        os.write(self._safe, b"".join(self._fresh))
        os.fsync(self._safe)
        self._fresh.clear()


def main(task: Task) -> None:
    import agenttrace
    from agenttrace.exporter import Bounds, Exporter

    exporter = Exporter(endpoint=task.endpoint, spool_directory=task.spool, bounds=Bounds(**task.bounds))
    tracer = agenttrace.Tracer(AGENT_ID, exporter=exporter)
    _record(tracer, task, _Journal(Path(task.folder)))
    for _ in range(task.children):
        if os.fork() == 0:
            _record(tracer, task, _Journal(Path(task.folder)))
            receipt = tracer.close(_PATIENCE_SECONDS)
            sys.exit(0 if receipt.complete else f"not complete: {receipt}")
    failed = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(task.children)]
    assert not any(failed), failed
    if task.then == "close":
        tracer.close(_PATIENCE_SECONDS)
    _print(tracer)
    if task.then == "wait":
        signal.pause()
        signal.pause()


def _record(tracer: Any, task: Task, journal: _Journal) -> None:
    for count in range(task.runs):
        if task.enough and Path(task.enough).exists():
            break
        with tracer.run() as run:
            for number in range(task.steps):
                with contextlib.suppress(ValueError), run.step("tool", f"work-{number}") as step:
                    step.set(n=number)
                    journal.record(run.run_id, step.step_id)
                    if task.canary and count % 10 == 0 and number == 0:
                        raise ValueError(task.canary)
        if task.flush_seconds:
            receipt = tracer.flush(task.flush_seconds)
            if not (receipt.pending or receipt.dropped or receipt.damaged or receipt.rejected):
                journal.confirm()
            _print(tracer)
        time.sleep(task.pause_seconds)


def _print(tracer: Any) -> None:
    print(json.dumps(asdict(tracer.exporter.receipt())), flush=True)


if __name__ == "__main__":
    main(Task(**json.loads(sys.argv[1])))
