"""Erasures, and what may be left of what was erased."""

from __future__ import annotations

import subprocess
from typing import Any

from agenttrace_server.embedded.binaries import find_binaries
from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.records import Outcome
from agenttrace_server.store import erasures
from agenttrace_server.store.erasures import Receipt, Subject
from agenttrace_server.store.ingest import IngestStore
from fix_store import ERASURE_KEY, record, with_store
from items import ended, failure, step, upload

KEYS = ErasureKeys(ERASURE_KEY)
SESSION, USER = "s-erase-me", "e" * 64


def erase(url: str, project: str = "default", keys: ErasureKeys = KEYS, **subject: str) -> Receipt:
    """Erase what the one argument names: `session_id`, `user_key` or `run_id`."""
    ((field, value),) = subject.items()
    return erasures.erase(url, keys, project, Subject(field, value))


def counted(receipt: Receipt) -> tuple[int, int, int]:
    return receipt.run_count, receipt.step_count, receipt.failure_count


def whole_run(run_id: str, **fields: Any) -> Any:
    """A run with two steps and a failure in one message."""
    steps = [step(run_id), step(run_id)]
    return upload(runs=[ended(run_id, **fields)], steps=steps, failures=[failure(run_id, step_id=steps[0].step_id)])


def send(url: str, *messages: Any) -> list[Outcome]:
    async def act(store: IngestStore) -> list[Outcome]:
        return [await record(store, message) for message in messages]

    return with_store(url, act)


def verdicts(outcome: Outcome) -> list[str]:
    return [verdict.outcome for kind in (outcome.runs, outcome.steps, outcome.failures) for verdict in kind]


def dump(url: str) -> str:
    """Everything that a database holds, as text."""
    command = [str(find_binaries() / "pg_dump"), "--data-only", url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
