"""Watches of a real server: nothing missed, nothing told twice, whatever breaks."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agenttrace import AsyncQueryClient, InvalidRequestError, QueryClient
from agenttrace.reading import Watch
from fix_server import Services, config_for, running
from integration.client.wires import Wire
from items import batch, ended, new_id, run


class Told:
    """What a watch tells, read in a thread of its own."""

    def __init__(self, client: QueryClient, watch: Watch) -> None:
        self.runs: list[Any] = []
        self._queue: queue.Queue[Any] = queue.Queue()
        self._client = client
        self._events = watch.events()
        next(self._events)  # it stands
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def until(self, run_ids: set[str], status: int = 0) -> None:
        """Wait until all these runs were told, in this status if one is given."""
        wanted = set(run_ids)
        while wanted:
            told = self._queue.get(timeout=30)
            self.runs.append(told)
            if not status or told.run.status == status:
                wanted.discard(told.run.run_id)

    def end(self) -> None:
        self._client.close()
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()

    def _read(self) -> None:
        try:
            for event in self._events:
                for told in event.runs:
                    self._queue.put(told)
        except Exception:
            return  # the client was closed


@contextmanager
def watching(address: str, **options: Any) -> Iterator[Told]:
    client = QueryClient(address, "", **options)
    told = Told(client, client.watch())
    try:
        yield told
    finally:
        told.end()


def upload(services: Services, count: int, make: Callable[..., Any] = ended) -> set[str]:
    ids = {new_id() for _ in range(count)}
    services.ingest.RecordBatch(batch(runs=[make(run_id) for run_id in ids]))
    return ids


def test_runs_are_told_as_they_start_and_end(services: Services) -> None:
    run_id = new_id()
    with watching(services.query_address) as told:
        services.ingest.RecordBatch(batch(runs=[run(run_id)]))
        told.until({run_id}, status=1)
        services.ingest.RecordBatch(batch(runs=[ended(run_id)]))
        told.until({run_id}, status=2)

    assert [summary.run.status for summary in told.runs] == [1, 2]


def test_a_watch_over_connections_that_break_misses_nothing_and_repeats_nothing(services: Services) -> None:
    with Wire(services.query_address) as wire, watching(wire.address) as told:
        everything: set[str] = set()
        for _ in range(5):
            some = upload(services, 30)
            wire.cut()
            some |= upload(services, 30)
            told.until(some)
            everything |= some

    states = [summary.SerializeToString(deterministic=True) for summary in told.runs]
    assert len(states) == len(set(states)) == len(everything)
    assert wire.connections > 5


def test_a_watch_over_a_restart_of_its_service_misses_nothing(database_url: str) -> None:
    with running(config_for(database_url)) as first:
        address, told = first.query_address, None
        client = QueryClient(first.query_address, "")
        told = Told(client, client.watch())
        before = upload(first, 20)
        told.until(before)
    with running(config_for(database_url)) as without_query:  # on other ports: nobody answers the watch
        between = upload(without_query, 40)
    with running(config_for(database_url, query_address=address)) as second:
        after = upload(second, 20)
        told.until(between | after)
        told.end()

    assert {summary.run.run_id for summary in told.runs} == before | between | after
    assert len(told.runs) == 80


def test_a_watch_notices_that_its_connection_is_silently_gone(services: Services) -> None:
    names = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms")
    quick = [(name, 1_500) for name in names]
    with Wire(services.query_address) as wire, watching(wire.address, options=quick) as told:
        told.until(upload(services, 1))
        wire.fall_silent()
        missed = upload(services, 10)
        wire.speak()
        told.until(missed)

    assert wire.connections == 2


def test_a_watch_goes_on_from_a_token_of_another_process(services: Services) -> None:
    with QueryClient(services.query_address, "") as client:
        first = client.watch()
        next(first.events())
        token = first._progress.call.request.resume_token
    missed = upload(services, 250)

    with QueryClient(services.query_address, "") as client:
        found = set()
        for event in client.watch(resume_token=token).events():
            found |= {summary.run.run_id for summary in event.runs}
            if found == missed:
                break

    assert found == missed


def test_an_asynchronous_watch_misses_nothing_over_breaks(services: Services) -> None:
    async def act(address: str, wire: Wire) -> tuple[int, int]:
        wanted: set[str] = set()
        told = 0
        async with AsyncQueryClient(address, "") as client, asyncio.timeout(60):
            events = client.watch().events()
            await anext(events)
            for _ in range(3):
                wanted |= await asyncio.to_thread(upload, services, 30)
                wire.cut()
            left = set(wanted)
            async for event in events:
                told += len(event.runs)
                left -= {summary.run.run_id for summary in event.runs}
                if not left:
                    break
            await events.aclose()
        return told, len(wanted)

    with Wire(services.query_address) as wire:
        told, wanted = asyncio.run(act(wire.address, wire))

    assert told == wanted


def test_a_token_that_is_not_ours_is_refused_at_once(services: Services) -> None:
    with QueryClient(services.query_address, "") as client, pytest.raises(InvalidRequestError) as refused:
        next(client.watch(resume_token="nonsense"))

    assert refused.value.reason == "INVALID_RESUME_TOKEN"
