"""Watches tell every change at least once, whatever commits late, reads slowly or goes away."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import grpc
import grpc.aio
import psycopg
import pytest

from agenttrace.v1 import query_service_pb2 as pb
from agenttrace.v1 import run_pb2
from agenttrace_server.query import watch as watch_module


async def next_message(call: Any, seconds: float = 10) -> pb.WatchRunsResponse:
    async with asyncio.timeout(seconds):
        message = await call.read()
    assert message is not grpc.aio.EOF
    return message  # type: ignore[no-any-return]


async def begun(serving: Any, **fields: Any) -> Any:
    """A watch whose first checkpoint has come: from here on it misses nothing."""
    call = serving.query.WatchRuns(pb.WatchRunsRequest(**fields))
    first = await next_message(call)
    assert (list(first.runs), first.close_reason) == ([], 0)
    assert first.resume_token
    return call


def ids(message: pb.WatchRunsResponse) -> set[UUID]:
    return {UUID(summary.run.run_id) for summary in message.runs}


async def seen(call: Any, wanted: set[UUID]) -> str:
    """Read until all wanted runs were told; the last resume token."""
    while True:
        message = await next_message(call)
        wanted -= ids(message)
        if not wanted:
            return message.resume_token


def test_runs_are_told_as_they_are_now(serve: Any, rows: Any) -> None:
    async def act(serving: Any) -> None:
        call = await begun(serving)
        run_id = rows.run(seconds=None)
        rows.change(run_id)
        started = await next_message(call)
        rows.connection.execute("UPDATE agent_runs SET status = 'FAILURE', end_time = start_time")
        rows.change(run_id)
        ended = await next_message(call)

        assert ids(started) == ids(ended) == {run_id}
        assert started.runs[0].run.status == run_pb2.RUN_STATUS_RUNNING
        assert ended.runs[0].run.status == run_pb2.RUN_STATUS_FAILURE
        call.cancel()

    serve(act)


def test_only_what_the_filter_selects_is_told(serve: Any, rows: Any) -> None:
    async def act(serving: Any) -> None:
        call = await begun(serving, filter=pb.RunFilter(agent_ids=["billing"], tags=["t"]))
        wanted = rows.run(agent_id="billing", tags=["t"])
        rows.change(rows.run(), rows.run(agent_id="billing"), wanted, rows.run(tags=["t"]))

        assert ids(await next_message(call)) == {wanted}
        call.cancel()

    serve(act)


def test_a_transaction_that_commits_late_is_not_missed(serve: Any, rows: Any, database_url: str) -> None:
    """F41: the earlier one of two is held open while the later one commits."""

    async def act(serving: Any) -> None:
        call = await begun(serving)
        with psycopg.connect(database_url) as slow:
            early, late = rows.run(), rows.run()
            rows.change(early, connection=slow)
            rows.change(late)
            await asyncio.sleep(0.3)
            slow.commit()

            token = await seen(call, {early, late})
        call.cancel()

        resumed = await begun(serving, resume_token=token)
        third = rows.run()
        rows.change(third)
        assert ids(await next_message(resumed)) == {third}
        resumed.cancel()

    serve(act)


def test_a_soak_of_inverted_commits_misses_nothing(serve: Any, rows: Any, database_url: str) -> None:
    """Writers that hold their transactions for different times; the reader breaks off and resumes again and again."""
    runs = [rows.run() for _ in range(120)]

    async def write(part: int) -> None:
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            for place, run_id in enumerate(runs[part::4]):
                statement = "INSERT INTO run_changes (project_id, run_id) VALUES (1, %s)"
                await connection.execute(statement, (run_id,))
                await asyncio.sleep(0.03 if (place + part) % 3 == 0 else 0.001)
                await connection.commit()

    async def act(serving: Any) -> None:
        call = await begun(serving)
        writers = [asyncio.create_task(write(part)) for part in range(4)]
        wanted, token, count = set(runs), "", 0
        while wanted:
            message = await next_message(call)
            wanted -= ids(message)
            token, count = message.resume_token, count + 1
            if count % 3 == 0 and wanted:
                call.cancel()
                call = await begun(serving, resume_token=token)
        await asyncio.gather(*writers)
        call.cancel()

    serve(act)


def test_a_watch_that_resumes_is_told_what_it_missed_and_then_goes_on(
    serve: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where that takes many reads from the table and many messages."""
    monkeypatch.setattr("agenttrace_server.query.follow.BATCH_ROWS", 7)

    async def act(serving: Any) -> None:
        call = serving.query.WatchRuns(pb.WatchRunsRequest())
        token = (await next_message(call)).resume_token
        call.cancel()
        missed = {rows.run() for _ in range(50)}
        rows.change(*missed)

        resumed = await begun(serving, resume_token=token)
        await seen(resumed, missed)
        live = rows.run()
        rows.change(live)
        await seen(resumed, {live})
        resumed.cancel()

    serve(act)


def test_the_token_of_a_message_cut_short_tells_its_runs_again(serve: Any, rows: Any) -> None:
    """What changed at once may take many messages: only the last of them moves the token."""

    async def act(serving: Any) -> None:
        call = serving.query.WatchRuns(pb.WatchRunsRequest())
        token = (await next_message(call)).resume_token
        everything = {rows.run() for _ in range(450)}
        with rows.connection.transaction():
            rows.change(*everything)
        first = await next_message(call)
        call.cancel()

        assert len(first.runs) == 200
        assert first.resume_token == token
        resumed = await begun(serving, resume_token=first.resume_token)
        await seen(resumed, everything)
        resumed.cancel()

    serve(act)


def test_a_checkpoint_comes_in_time_even_while_others_runs_change(serve: Any, rows: Any) -> None:
    async def act(serving: Any) -> None:
        call = await begun(serving, filter=pb.RunFilter(session_id="nobody"))
        noise = asyncio.create_task(_change_forever(rows))
        began = time.monotonic()
        checkpoints = [await next_message(call) for _ in range(3)]
        noise.cancel()

        assert all(not message.runs for message in checkpoints)
        assert len({message.resume_token for message in checkpoints}) > 1
        assert 0.5 < time.monotonic() - began < 3
        call.cancel()

    serve(act, checkpoint_seconds=0.3)


async def _change_forever(rows: Any) -> None:
    while True:
        rows.change(rows.run())
        await asyncio.sleep(0.02)


def test_a_slow_reader_is_told_to_resume_and_then_misses_nothing(
    serve: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_MAX_WAITING", 50)

    async def act(serving: Any) -> None:
        call = await begun(serving)
        wanted = set()
        for _ in range(30):
            # More bytes than fit into the buffers between server and client.
            some = [rows.run(attributes={f"k{n}": "v" * 128 for n in range(32)}) for _ in range(40)]
            wanted |= set(some)
            rows.change(*some)
            await asyncio.sleep(0.06)
        token = await _read_to_the_end(call, wanted, pb.WATCH_CLOSE_REASON_SLOW_READER)

        assert wanted, "the reader was not slow"
        while wanted:
            call = await begun(serving, resume_token=token)
            token = await _read_to_the_end(call, wanted, pb.WATCH_CLOSE_REASON_SLOW_READER)
        call.cancel()

    serve(act)


async def _read_to_the_end(call: Any, wanted: set[UUID], reason: int) -> str:
    token = ""
    while wanted:
        message = await next_message(call)
        wanted -= ids(message)
        token = message.resume_token
        if message.close_reason:
            assert message.close_reason == reason
            assert await call.read() is grpc.aio.EOF
            break
    return token


def test_draining_ends_watches_with_a_token_and_refuses_new_ones(serve: Any, rows: Any) -> None:
    async def act(serving: Any) -> None:
        calls = [await begun(serving) for _ in range(3)]
        serving.hub.drain()

        for call in calls:
            last = await next_message(call, 2)
            assert last.close_reason == pb.WATCH_CLOSE_REASON_DRAINING
            assert last.resume_token
            assert await call.read() is grpc.aio.EOF
            assert await call.code() == grpc.StatusCode.OK
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await serving.query.WatchRuns(pb.WatchRunsRequest()).read()
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE

    serve(act)


def test_a_database_that_goes_away_for_a_while_ends_no_idle_watch(serve: Any, rows: Any) -> None:
    """Every connection of the service is cut, again and again; the poller tries until it can go on."""

    async def act(serving: Any) -> None:
        call = await begun(serving)
        for _ in range(5):
            rows.connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'test' AND datname = current_database()"
            )
            await asyncio.sleep(0.1)
        run_id = rows.run()
        rows.change(run_id)

        await seen(call, {run_id})
        call.cancel()

    serve(act)


def test_a_poller_that_meets_a_bug_goes_on(serve: Any, rows: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def act(serving: Any) -> None:
        call = await begun(serving)
        # In a thread: it waits for the poller, which runs in this one.
        await asyncio.to_thread(rows.connection.execute, "ALTER VIEW api.run_changes RENAME COLUMN run_id TO other")
        await asyncio.sleep(0.3)
        await asyncio.to_thread(rows.connection.execute, "ALTER VIEW api.run_changes RENAME COLUMN other TO run_id")
        run_id = rows.run()
        rows.change(run_id)

        await seen(call, {run_id})
        call.cancel()

    serve(act)
    assert "watch_poll_failed" in caplog.text


def test_a_token_that_is_too_old_damaged_or_of_another_database_is_refused(serve: Any, rows: Any) -> None:
    async def token_of(serving: Any) -> str:
        call = serving.query.WatchRuns(pb.WatchRunsRequest())
        token = (await next_message(call)).resume_token
        call.cancel()
        return str(token)

    async def code_for(serving: Any, token: str) -> grpc.StatusCode:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await serving.query.WatchRuns(pb.WatchRunsRequest(resume_token=token)).read()
        return refused.value.code()  # type: ignore[no-any-return]

    async def act(serving: Any) -> None:
        token = await token_of(serving)
        assert await code_for(serving, token[:-1]) == grpc.StatusCode.INVALID_ARGUMENT
        assert await code_for(serving, token) == grpc.StatusCode.FAILED_PRECONDITION

    serve(act, keep=timedelta(seconds=-5))


def test_a_position_that_the_database_has_not_come_to_has_expired(serve: Any, rows: Any) -> None:
    """A database that was restored into a new cluster counts its transactions anew."""
    from agenttrace_server.query.resume_token import ResumeTokens
    from agenttrace_server.read_records import ChangePosition

    tokens = ResumeTokens(b"a key of tests", keep=timedelta(hours=6))
    token = tokens.encode(1, ChangePosition(2**40, 0, int(time.time())))

    async def act(serving: Any) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await serving.query.WatchRuns(pb.WatchRunsRequest(resume_token=token)).read()
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION

    serve(act)


def test_nobody_is_polled_for_once_the_last_watch_has_gone(serve: Any, rows: Any) -> None:
    async def act(serving: Any) -> None:
        calls = [await begun(serving) for _ in range(3)]
        for call in calls:
            call.cancel()
        for _ in range(100):
            await asyncio.sleep(0.02)
            if not serving.hub._mailboxes:
                break
        assert (dict(serving.hub._mailboxes), serving.hub._positions) == ({}, {})

    serve(act)


def test_many_idle_watches_hold_no_connection(serve: Any, rows: Any) -> None:
    async def act(serving: Any) -> None:
        calls = [await begun(serving) for _ in range(50)]
        free = []
        for _ in range(20):
            stats = serving.database.pool.get_stats()
            free.append(stats["pool_available"] == stats["pool_size"])
            await asyncio.sleep(0.01)
        assert sum(free) > 10  # the poller takes one now and then
        run_id = rows.run()
        rows.change(run_id)
        for call in calls:
            await seen(call, {run_id})
            call.cancel()

    serve(act)
