"""Listings and single answers from a real server, by both clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Any

import pytest

import agenttrace
from agenttrace import AsyncQueryClient, QueryClient
from agenttrace.v1 import failure_pb2
from fix_server import Services, config_for, running
from integration.client.conftest import RUNS
from integration.client.wires import Wire
from items import at, batch, ended, new_id, step


def ids(runs: Any) -> list[str]:
    return [summary.run.run_id for summary in runs]


def beside(services: Services, act: Callable[[AsyncQueryClient], Awaitable[Any]]) -> Any:
    """What a coroutine finds with an asynchronous client."""

    async def run() -> Any:
        async with AsyncQueryClient(services.query_address, "") as client, asyncio.timeout(60):
            return await act(client)

    return asyncio.run(run())


async def all_of(items: Any) -> list[Any]:
    return [item async for item in items]


HOUR: Any = {"since": at(0).ToDatetime(UTC), "until": at(3600).ToDatetime(UTC), "group_by": "agent"}
READS: dict[str, tuple[Callable[[QueryClient, str], Any], Callable[[AsyncQueryClient, str], Awaitable[Any]]]] = {
    "runs": (lambda client, _: list(client.runs(limit=230)), lambda client, _: all_of(client.runs(limit=230))),
    "filtered": (
        lambda client, _: list(client.runs(status="failure", failure_code="timeout")),
        lambda client, _: all_of(client.runs(status="failure", failure_code="timeout")),
    ),
    "page": (
        lambda client, _: client.runs(limit=7, page_size=3).page().items,
        lambda client, _: _items(client.runs(limit=7, page_size=3)),
    ),
    "run": (lambda client, run_id: client.run(run_id), lambda client, run_id: client.run(run_id)),
    "steps": (
        lambda client, run_id: list(client.steps(run_id, type="tool")),
        lambda client, run_id: all_of(client.steps(run_id, type="tool")),
    ),
    "steps of many": (
        lambda client, _: list(client.steps(runs={"status": "failure"}, status="error")),
        lambda client, _: all_of(client.steps(runs={"status": "failure"}, status="error")),
    ),
    "failures": (
        lambda client, _: list(client.failures(code="timeout")),
        lambda client, _: all_of(client.failures(code="timeout")),
    ),
    "stats": (lambda client, _: client.stats(**HOUR), lambda client, _: client.stats(**HOUR)),
    "codes": (lambda client, _: client.failure_codes(), lambda client, _: client.failure_codes()),
}


async def _items(listing: Any) -> Any:
    return (await listing.page()).items


@pytest.mark.parametrize("name", READS)
def test_both_clients_read_the_same(services: Services, client: QueryClient, run_ids: list[str], name: str) -> None:
    read, read_beside = READS[name]

    found = read(client, run_ids[0])

    assert found, "nothing was compared"
    assert beside(services, lambda other: read_beside(other, run_ids[0])) == found


def test_pages_by_token_put_together_are_the_listing(client: QueryClient, run_ids: list[str]) -> None:
    found, token = [], ""
    while True:
        page = client.runs(limit=64, page_token=token).page()
        found += ids(page.items)
        token = page.next_page_token
        if not token:
            break
        assert len(page.items) == 64

    assert found == run_ids


def test_a_listing_goes_on_from_any_of_its_pages(client: QueryClient, run_ids: list[str]) -> None:
    pages = list(client.runs(page_size=100).pages())

    assert len(pages) == 5
    assert [len(page.items) for page in pages] == [100, 100, 100, 100, 50]
    assert ids(client.runs(page_token=pages[2].next_page_token)) == run_ids[300:]


def test_a_listing_over_connections_that_break_again_and_again_is_whole(services: Services, run_ids: list[str]) -> None:
    """Each connection is cut after some answers, wherever in a message that is."""
    with Wire(services.query_address, after_bytes=12_000) as wire, QueryClient(wire.address, "") as client:
        found = ids(client.runs(page_size=50))

    assert wire.connections > 2, "nothing was cut"
    assert found == run_ids


def test_an_asynchronous_listing_over_connections_that_break_is_whole(services: Services, run_ids: list[str]) -> None:
    async def read(address: str) -> list[str]:
        async with AsyncQueryClient(address, "") as client, asyncio.timeout(60):
            return [summary.run.run_id async for summary in client.runs(page_size=50)]

    with Wire(services.query_address, after_bytes=12_000) as wire:
        found = asyncio.run(read(wire.address))

    assert wire.connections > 2, "nothing was cut"
    assert found == run_ids


def test_a_listing_goes_on_when_its_service_comes_back(database_url: str) -> None:
    """The service stops in the middle, and starts again on its port while the reader waits."""
    with running(config_for(database_url)) as first:
        port_of_query = first.query_address
        stored = [new_id() for _ in range(300)]
        for begin in range(0, 300, 100):
            runs = [
                ended(run_id, start_time=at(300 - begin - n)) for n, run_id in enumerate(stored[begin : begin + 100])
            ]
            for run in runs:
                run.end_time.CopyFrom(at(400))
            first.ingest.RecordBatch(batch(runs=runs))
        client = QueryClient(port_of_query, "")
        pages = client.runs(page_size=20).pages()
        found = ids(next(pages).items)
    with client, running(config_for(database_url, query_address=port_of_query)):
        for page in pages:
            found += ids(page.items)

    assert found == stored


def test_a_run_is_read_with_all_its_steps_and_failures(services: Services, client: QueryClient) -> None:
    run_id = new_id()
    steps = [step(run_id, sequence=number) for number in range(2_300)]
    failures = [
        failure_pb2.Failure(
            failure_id=new_id(), run_id=run_id, type=failure_pb2.FAILURE_TYPE_MODEL, code="timeout",
            occur_time=at(number * 0.01),
        )
        for number in range(1_200)
    ]  # fmt: skip
    services.ingest.RecordBatch(batch(runs=[ended(run_id)]))
    for begin in range(0, 2_300, 500):
        services.ingest.RecordBatch(batch(steps=steps[begin : begin + 500]))
    for begin in range(0, 1_200, 400):
        services.ingest.RecordBatch(batch(failures=failures[begin : begin + 400]))

    detail = client.run(run_id)
    other = beside(services, lambda reader: reader.run(run_id))

    assert [found.step_id for found in detail.steps] == [made.step_id for made in steps]
    assert [found.failure.failure_id for found in detail.failures] == [made.failure_id for made in failures]
    assert detail.next_page_token == ""
    assert other == detail


def test_a_client_may_be_closed_while_another_thread_reads(services: Services, run_ids: list[str]) -> None:
    client = QueryClient(services.query_address, "")
    listing = client.runs(page_size=1)
    next(listing)

    client.close()

    with pytest.raises(agenttrace.CallError):
        list(listing)


def test_as_many_runs_as_were_stored(client: QueryClient, run_ids: list[str]) -> None:
    assert len(list(client.runs())) == RUNS
