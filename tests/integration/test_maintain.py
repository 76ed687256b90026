"""The rounds of the maintain process: each part on its own, whatever becomes of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from agenttrace_server import maintain
from agenttrace_server.errors import StoreUnavailable
from agenttrace_server.maintain import PARTITION_DAYS, Stores
from fix_maintain import TODAY, maintain_once, maintainer, with_stores
from fix_store import record, with_store
from items import at, new_id, run, upload


def test_once_does_everything_and_says_what(database_url: str, connection: psycopg.Connection) -> None:
    with_store(database_url, lambda store: record(store, upload(runs=[run(new_id(), start_time=at(-7200))])))
    connection.execute("UPDATE agent_runs SET update_time = now() - interval '2 h'")

    assert maintain_once(database_url) == {
        "partitions_created": 0,
        "runs_abandoned": 1,
        "changes_trimmed": 0,
        "runs_deleted": 0,
        "partitions_dropped": 0,
        "tombstones_trimmed": 0,
        "hours_rolled_up": 1,
    }
    assert set(maintain_once(database_url).values()) == {0}


def test_missing_partitions_are_created(database_url: str, connection: psycopg.Connection) -> None:
    last = TODAY + timedelta(days=PARTITION_DAYS - 1)
    connection.execute(f"DROP TABLE agent_steps_{last:%Y%m%d}")  # type: ignore[arg-type]

    assert maintain_once(database_url)["partitions_created"] == 1


def test_changes_are_forgotten_once_no_watch_may_ask_for_them(
    database_url: str, connection: psycopg.Connection
) -> None:
    with_store(database_url, lambda store: record(store, upload(runs=[run(new_id())])))
    connection.execute("UPDATE run_changes SET change_time = now() - interval '6 h 11 min'")

    assert maintain_once(database_url)["changes_trimmed"] == 1


async def _fails(*_: Any) -> Any:
    raise StoreUnavailable


async def _breaks(*_: Any) -> Any:
    raise ZeroDivisionError


def test_one_part_that_fails_keeps_none_from_being_done(
    database_url: str, monkeypatch: pytest.MonkeyPatch, connection: psycopg.Connection
) -> None:
    with_store(database_url, lambda store: record(store, upload(runs=[run(new_id(), start_time=at(-7200))])))

    async def once(stores: Stores) -> None:
        monkeypatch.setattr(stores.maintenance, "create_partitions", _fails)
        await maintainer(stores).once()

    with pytest.raises(StoreUnavailable):
        with_stores(database_url, once)

    assert connection.execute("SELECT count(*) FROM run_stats_hourly").fetchone() == (1,)


def test_a_bug_in_one_part_does_not_end_the_others(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[str] = []

    async def trim_changes(_: timedelta) -> int:
        rounds.append("trimmed")
        return 0

    async def forever(stores: Stores) -> None:
        monkeypatch.setattr(stores.maintenance, "create_partitions", _breaks)
        monkeypatch.setattr(stores.maintenance, "trim_changes", trim_changes)
        monkeypatch.setattr(maintain.asyncio, "sleep", _briefly(asyncio.sleep))
        await asyncio.wait_for(maintainer(stores).forever(), 1)

    with pytest.raises(TimeoutError):
        with_stores(database_url, forever)

    assert len(rounds) > 1


def _briefly(sleep: Any) -> Any:
    def pause(_: float) -> Awaitable[None]:
        paused: Awaitable[None] = sleep(0.05)
        return paused

    return pause


def test_the_rounds_end_when_cancelled(database_url: str) -> None:
    async def forever(stores: Stores) -> None:
        task = asyncio.create_task(maintainer(stores).forever())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with_stores(database_url, forever)
