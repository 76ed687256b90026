"""The query service over a socket: chunks, tokens, errors, and readers that take their time."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import grpc
import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace.v1 import query_service_pb2 as pb

MANY_RUNS = """
INSERT INTO agent_runs (project_id, run_id, day, is_stub, status, start_time)
SELECT 1, md5(i::text)::uuid, '2026-03-01', false, 'RUNNING', '2026-03-01'::timestamptz + i * interval '1 s'
FROM generate_series(1, 10000) i
"""


async def everything(call: Any) -> list[Any]:
    return [message async for message in call]


async def refusal(call: Any) -> tuple[grpc.StatusCode, str, list[str]]:
    """The status, the reason and the fields that a call is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (call if isinstance(call, grpc.aio.UnaryUnaryCall) else everything(call))
    status = await rpc_status.aio.from_call(call)
    assert status is not None
    reason, fields = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(reason)
        detail.Unpack(fields)
    return caught.value.code(), reason.reason, [violation.field for violation in fields.field_violations]


def test_listing_10000_runs_holds_no_connection_while_the_reader_sleeps(serve: Any, rows: Any) -> None:
    rows.connection.execute(MANY_RUNS)

    async def act(serving: Any) -> list[str]:
        found, pool = [], serving.database.pool
        call = serving.query.ListRuns(pb.ListRunsRequest(page_size=200))
        async for chunk in call:
            found += [summary.run.run_id for summary in chunk.runs]
            if len(found) % 2000 == 0:
                await _until_the_server_waits(pool)
                for _ in range(10):
                    await asyncio.sleep(0.01)
                    stats = pool.get_stats()
                    assert stats["pool_available"] == stats["pool_size"]
        return found

    found = serve(act)

    assert len(found) == len(set(found)) == 10_000


async def _until_the_server_waits(pool: Any) -> None:
    """The server reads ahead until the buffers of the sockets are full; on a busy machine it pauses meanwhile."""
    seen, since, ends = -1, time.monotonic(), time.monotonic() + 20
    while time.monotonic() < min(since + 0.5, ends):
        stats = pool.get_stats()
        if stats["pool_available"] != stats["pool_size"] or stats.get("requests_num", 0) != seen:
            seen, since = stats.get("requests_num", 0), time.monotonic()
        await asyncio.sleep(0.02)


def test_a_reader_that_stops_leaves_the_server_with_little_to_do(serve: Any, rows: Any) -> None:
    """Flow control: chunks are fetched as they are read, not all at once into memory."""
    rows.connection.execute(MANY_RUNS)

    async def act(serving: Any) -> int:
        before = serving.database.pool.get_stats().get("requests_num", 0)
        call = serving.query.ListRuns(pb.ListRunsRequest(page_size=10))
        await call.read()
        await asyncio.sleep(0.5)
        fetched = serving.database.pool.get_stats().get("requests_num", 0) - before
        call.cancel()
        return int(fetched)

    assert serve(act) < 500  # of 1,000 chunks: as many as the sockets hold


def test_a_listing_goes_on_where_a_stream_broke(serve: Any, rows: Any) -> None:
    expected = [str(rows.run()) for _ in range(25)][::-1]

    async def act(serving: Any) -> list[str]:
        found, token = [], ""
        while True:
            call = serving.query.ListRuns(pb.ListRunsRequest(page_size=4, page_token=token))
            chunk = await call.read()
            call.cancel()
            found += [summary.run.run_id for summary in chunk.runs]
            token = chunk.next_page_token
            if not token:
                return found

    assert serve(act) == expected


def test_a_limit_counts_from_where_the_call_begins(serve: Any, rows: Any) -> None:
    for _ in range(10):
        rows.run()

    async def act(serving: Any) -> tuple[list[int], list[int]]:
        first = await everything(serving.query.ListRuns(pb.ListRunsRequest(page_size=2, limit=5)))
        token = first[-1].next_page_token
        rest = await everything(serving.query.ListRuns(pb.ListRunsRequest(page_size=3, limit=7, page_token=token)))
        assert rest[-1].next_page_token == ""
        return [len(chunk.runs) for chunk in first], [len(chunk.runs) for chunk in rest]

    assert serve(act) == ([2, 2, 1], [3, 2])


def test_an_empty_listing_is_one_empty_chunk(serve: Any, rows: Any) -> None:
    async def act(serving: Any) -> None:
        for call in (
            serving.query.ListRuns(pb.ListRunsRequest()),
            serving.query.ListSteps(pb.ListStepsRequest()),
            serving.query.ListFailures(pb.ListFailuresRequest()),
            serving.query.ListSteps(pb.ListStepsRequest(run_id=str(uuid4()))),
        ):
            chunks = await everything(call)
            assert [chunk.ByteSize() for chunk in chunks] == [0]

    serve(act)


def test_a_token_belongs_to_its_call_and_filter(serve: Any, rows: Any) -> None:
    run_id = rows.run()
    for _ in range(3):
        rows.run()
        rows.step(run_id)

    async def act(serving: Any) -> None:
        query, expected = serving.query, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN", [])
        token = (await query.ListRuns(pb.ListRunsRequest(page_size=1)).read()).next_page_token
        other_filter = pb.ListRunsRequest(page_token=token, filter=pb.RunFilter(agent_ids=["support"]))
        for call in (
            query.ListRuns(other_filter),
            query.ListRuns(pb.ListRunsRequest(page_token=token[:-2])),
            query.ListRuns(pb.ListRunsRequest(page_token="\0")),
            query.ListSteps(pb.ListStepsRequest(page_token=token)),
            query.ListFailures(pb.ListFailuresRequest(page_token=token)),
        ):
            assert await refusal(call) == expected
        assert len(await everything(query.ListRuns(pb.ListRunsRequest(page_token=token, page_size=3)))) == 1

    serve(act)


def test_what_is_wrong_is_told_by_field(serve: Any, rows: Any) -> None:
    async def act(serving: Any) -> None:
        query, invalid = serving.query, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
        wrong = pb.RunFilter(session_id="two words", tags=["fine", "nul\0"])
        fields = ["filter.session_id", "filter.tags[1]"]
        assert await refusal(query.ListRuns(pb.ListRunsRequest(filter=wrong))) == (*invalid, fields)
        assert await refusal(query.WatchRuns(pb.WatchRunsRequest(filter=wrong))) == (*invalid, fields)
        assert await refusal(query.GetStats(pb.GetStatsRequest(filter=wrong))) == (*invalid, fields)
        assert await refusal(query.GetRun(pb.GetRunRequest())) == (*invalid, ["run_id"])
        not_there = (grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND", [])
        assert await refusal(query.GetRun(pb.GetRunRequest(run_id=str(UUID(int=1))))) == not_there

    serve(act)


def test_a_run_in_detail(serve: Any, rows: Any) -> None:
    run_id = rows.run(expected_step_count=3, agent_version="1.4", lease_duration="90 s", attributes={"n": 1, "x": 1.0})
    first = rows.step(run_id, status="ERROR", type="MODEL", provider="openai", input_tokens=0, finish_reason="stop")
    rows.step(run_id, attempt=2, retry_of_step_id=first, sequence=1, tool_name="search", retrieval_source="docs")
    failure_id = rows.failure(run_id, first, http_status=503)
    missing = rows.step(run_id, parent_step_id=uuid4(), sequence=2)

    async def act(serving: Any) -> pb.GetRunResponse:
        return await serving.query.GetRun(pb.GetRunRequest(run_id=str(run_id)))  # type: ignore[no-any-return]

    found = serve(act)
    run, model, tool = found.run.run, found.steps[0].model, found.steps[1]

    assert (run.run_id, run.agent_version, run.environment) == (str(run_id), "1.4", "production")
    assert (run.status, run.lease_duration) == (run_pb2.RUN_STATUS_SUCCESS, Duration(seconds=90))
    assert (run.attributes["n"].int_value, run.attributes["x"].double_value) == (1, 1.0)
    assert (found.run.step_count, found.run.retry_count, found.run.failure_count) == (3, 1, 1)
    assert (model.provider, model.finish_reason) == ("openai", "stop")
    assert (model.usage.HasField("input_tokens"), model.usage.HasField("output_tokens")) == (True, False)
    assert (tool.tool.name, tool.retrieval.source, tool.HasField("model")) == ("search", "docs", False)
    assert (tool.attempt, tool.retry_of_step_id) == (2, str(first))
    assert [(f.failure.failure_id, f.recovered, f.root, f.step_name) for f in found.failures] == [
        (str(failure_id), True, False, "lookup")
    ]
    assert (found.failures[0].failure.http_status, found.failures[0].failure.HasField("retryable")) == (503, False)
    completeness = found.completeness
    assert (completeness.complete, completeness.missing_step_count) == (False, 0)
    assert len(completeness.missing_step_ids) == 1
    assert found.steps[2].step_id == str(missing)
    assert found.next_page_token == ""


@pytest.mark.parametrize(
    ("columns", "steps", "expected"),
    [
        ({"expected_step_count": 2}, 2, (True, 0)),
        ({"expected_step_count": 2}, 3, (True, 0)),
        ({"expected_step_count": 2}, 1, (False, 1)),
        ({"expected_step_count": 0}, 0, (True, 0)),
        ({}, 1, (False, 0)),
        ({"expected_step_count": 1, "seconds": None}, 1, (False, 0)),
        ({"expected_step_count": 1, "seconds": None, "status": "ABANDONED"}, 1, (False, 0)),
    ],
)
def test_a_run_is_complete_when_all_it_told_of_has_arrived(
    serve: Any, rows: Any, columns: dict[str, Any], steps: int, expected: tuple[bool, int]
) -> None:
    run_id = rows.run(**columns)
    for _ in range(steps):
        rows.step(run_id)

    async def act(serving: Any) -> tuple[bool, int]:
        found = (await serving.query.GetRun(pb.GetRunRequest(run_id=str(run_id)))).completeness
        assert found.HasField("expected_step_count") == ("expected_step_count" in columns)
        return found.complete, found.missing_step_count

    assert serve(act) == expected


LARGE_STEPS = """
INSERT INTO agent_steps (project_id, run_id, step_id, day, sequence, type, name, status, attempt, start_time, end_time,
                         attributes)
SELECT 1, %s, md5(i::text)::uuid, (now() AT TIME ZONE 'UTC')::date, i, 'TOOL', 'large', 'OK', 1, '2026-03-01',
       '2026-03-01', (SELECT jsonb_object_agg(repeat('k', 60) || n, repeat('v', 128)) FROM generate_series(10, 41) n)
FROM generate_series(0, 1499) i
"""


def test_messages_stay_below_4_mib_however_large_the_steps_are(serve: Any, rows: Any) -> None:
    """1,000 of the largest steps are 7 MiB; the run in detail has fewer, and ListSteps goes on behind them."""
    run_id = rows.run()
    rows.connection.execute(LARGE_STEPS, (run_id,))

    async def act(serving: Any) -> list[int]:
        found = await serving.query.GetRun(pb.GetRunRequest(run_id=str(run_id)))
        rest = pb.ListStepsRequest(run_id=str(run_id), page_size=1000, page_token=found.next_page_token)
        assert 100 < len(found.steps) < 1000
        assert found.ByteSize() < 4 * 2**20
        sequences = [step.sequence for step in found.steps]
        async for chunk in serving.query.ListSteps(rest):
            assert chunk.ByteSize() < 4 * 2**20
            sequences += [step.sequence for step in chunk.steps]
        return sequences

    assert serve(act) == list(range(1500))


def test_steps_and_failures_across_runs(serve: Any, rows: Any) -> None:
    step_id = rows.step(rows.run(agent_id="billing"), type="MODEL", response_model="m-1")
    rows.step(rows.run())
    rows.failure(rows.run(), type="ORCHESTRATION", code="loop")

    async def act(serving: Any) -> None:
        steps = pb.ListStepsRequest(
            filter=pb.StepFilter(types=[step_pb2.STEP_TYPE_MODEL], models=["m-1"]),
            run_filter=pb.RunFilter(agent_ids=["billing"]),
        )
        found = await everything(serving.query.ListSteps(steps))
        assert [step.step_id for chunk in found for step in chunk.steps] == [str(step_id)]
        failures = pb.FailureFilter(types=[failure_pb2.FAILURE_TYPE_ORCHESTRATION])
        found = await everything(serving.query.ListFailures(pb.ListFailuresRequest(filter=failures)))
        assert [(f.failure.code, f.root) for chunk in found for f in chunk.failures] == [("loop", True)]

    serve(act)


def test_statistics_with_every_part(serve: Any, rows: Any) -> None:
    rows.connection.execute("SET timezone TO 'UTC'")
    runs = [rows.run(second, status=status) for second, status in [(0, "SUCCESS"), (30, "FAILURE"), (90, "CANCELLED")]]
    rows.run(100, seconds=None, status="ABANDONED")
    rows.failure(runs[1], rows.step(runs[1], status="ERROR"), 31)

    async def act(serving: Any) -> pb.GetStatsResponse:
        span = pb.TimeRange()
        span.start_time.FromDatetime(rows.at(0))
        span.end_time.FromDatetime(rows.at(3600))
        request = pb.GetStatsRequest(filter=pb.RunFilter(start_time_range=span), bucket_duration=Duration(seconds=60))
        return await serving.query.GetStats(request)  # type: ignore[no-any-return]

    found = serve(act)

    assert (found.totals.run_count, found.totals.success_rate, found.totals.failure_rate) == (4, 1 / 3, 2 / 3)
    assert (found.totals.run_duration.count, found.totals.run_duration.p50) == (3, Duration(seconds=60))
    assert [(g.bucket_start_time.ToSeconds() % 3600, g.stats.run_count) for g in found.groups] == [(0, 2), (60, 2)]
    assert not found.groups[0].stats.step_duration.HasField("p50") or found.groups[0].stats.step_count == 1
    assert [(s.type, s.failed_step_count) for s in found.step_types] == [(step_pb2.STEP_TYPE_TOOL, 1)]
    assert [(f.code, f.agent_id, f.failure_count) for f in found.failures] == [("timeout", "support", 1)]
    assert found.start_time_range.end_time.ToSeconds() - found.start_time_range.start_time.ToSeconds() == 3600
    assert not found.approximate


def test_without_ended_runs_there_is_no_rate(serve: Any, rows: Any) -> None:
    async def act(serving: Any) -> pb.GetStatsResponse:
        return await serving.query.GetStats(pb.GetStatsRequest())  # type: ignore[no-any-return]

    totals = serve(act).totals

    assert (totals.HasField("success_rate"), totals.HasField("failure_rate")) == (False, False)


def test_the_catalogue_is_listed(serve: Any, rows: Any) -> None:
    async def act(serving: Any) -> pb.ListFailureCodesResponse:
        return await serving.query.ListFailureCodes(pb.ListFailureCodesRequest())  # type: ignore[no-any-return]

    codes = serve(act).failure_codes

    assert (failure_pb2.FAILURE_TYPE_TOOL, "timeout") in {(code.type, code.code) for code in codes}
    assert all(code.title and code.remedy for code in codes)


def test_a_query_that_takes_too_long_says_so(serve: Any, rows: Any) -> None:
    """The database's own words do not reach the client."""

    async def act(serving: Any) -> None:
        serving.database._timeout_ms = "50"
        with rows.connection.transaction():
            rows.connection.execute("LOCK TABLE agent_runs IN ACCESS EXCLUSIVE MODE")
            call = serving.query.ListRuns(pb.ListRunsRequest())
            assert await refusal(call) == (grpc.StatusCode.DEADLINE_EXCEEDED, "QUERY_TOO_EXPENSIVE", [])
            assert "statement" not in (await call.details())

    serve(act)


def test_a_stream_that_breaks_in_the_middle_says_why(serve: Any, rows: Any) -> None:
    """The database goes away between two chunks."""
    for _ in range(5):
        rows.run()

    async def act(serving: Any) -> None:
        await serving.database.close()
        call = serving.query.ListRuns(pb.ListRunsRequest(page_size=1))
        code, reason, _ = await refusal(call)
        assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")

    serve(act)


def test_other_projects_are_not_seen_through_any_call(serve: Any, rows: Any) -> None:
    rows.connection.execute("INSERT INTO projects (name) VALUES ('other')")
    theirs = rows.run(project_id=2)
    rows.failure(theirs, rows.step(theirs, project_id=2), project_id=2)

    async def act(serving: Any) -> None:
        query = serving.query
        for call in (
            query.ListRuns(pb.ListRunsRequest()),
            query.ListSteps(pb.ListStepsRequest()),
            query.ListSteps(pb.ListStepsRequest(run_id=str(theirs))),
            query.ListFailures(pb.ListFailuresRequest()),
            query.ListFailures(pb.ListFailuresRequest(run_id=str(theirs))),
        ):
            assert [chunk.ByteSize() for chunk in await everything(call)] == [0]
        assert (await refusal(query.GetRun(pb.GetRunRequest(run_id=str(theirs)))))[1] == "RUN_NOT_FOUND"

    serve(act)
