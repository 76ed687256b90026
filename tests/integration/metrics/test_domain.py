"""What the metrics say of agents, beside what the database holds: on real services, over sockets."""

from __future__ import annotations

import asyncio
import random

import grpc
import psycopg
import pytest

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace_server import server
from fix_metrics import Scrape, until
from fix_server import Services, config_for, running
from items import FAILURE, SUCCESS, at, batch, ended, failure, new_id, run, step, upload

_TYPES = {name: number for name, number in step_pb2.StepType.items() if number}
_FAILURES = {name: number for name, number in failure_pb2.FailureType.items() if number}
_ENDS = [SUCCESS, FAILURE, run_pb2.RUN_STATUS_PARTIAL, run_pb2.RUN_STATUS_CANCELLED]


def counted(services: Services) -> Scrape:
    return Scrape(services.ingest_metrics_url)


def rows(connection: psycopg.Connection, columns: str, rest: str) -> dict[str, float]:
    """A query's first column to its last, by the text between them where there are more."""
    return {
        "/".join(map(str, row[:-1])): float(row[-1])
        for row in connection.execute(f"SELECT {columns} {rest}").fetchall()  # type: ignore[arg-type]
    }


def test_a_load_with_repetitions_is_counted_as_it_is_stored(services: Services, connection: psycopg.Connection) -> None:
    """Messages in any order, some twice, some in conflict: the counters are what the tables hold."""
    chance = random.Random(7)
    starts, messages = [], []
    for number in range(60):
        run_id, agent = new_id(), chance.choice(["support", "billing", "search"])
        steps = [
            step(
                run_id,
                type=chance.choice(list(_TYPES.values())),
                status=chance.choice([step_pb2.STEP_STATUS_OK, step_pb2.STEP_STATUS_ERROR]),
                end_time=at(1 + chance.random() * 100),
                model=step_pb2.ModelCall(
                    request_model=chance.choice(["small", "large"]),
                    usage=step_pb2.Usage(input_tokens=chance.randrange(100), output_tokens=chance.randrange(50)),
                    cost_micro_usd=chance.randrange(10_000),
                ),
            )
            for _ in range(chance.randrange(6))
        ]
        failures = [failure(run_id, type=chance.choice(list(_FAILURES.values()))) for _ in range(chance.randrange(3))]
        starts.append(upload(runs=[run(run_id, agent_id=agent)]))
        messages.append(upload(runs=[run(run_id, agent_id=agent)], steps=steps, failures=failures))
        if number % 5:
            messages.append(upload(runs=[ended(run_id, agent_id=agent, status=chance.choice(_ENDS))]))
        if steps and number % 3 == 0:
            known = steps[0]
            messages.append(upload(steps=[step(run_id, step_id=known.step_id, name="another")]))
    messages += chance.sample(messages, 50)
    chance.shuffle(messages)

    for part in (starts, messages[:70], messages[70:], starts):
        services.ingest.UploadSteps(iter(part), timeout=60)

    found = counted(services)
    grouped = "FROM agent_runs GROUP BY 1"
    assert found.by("agent", "agenttrace_runs_started_total") == rows(connection, "agent_id, count(*)", grouped)
    ends = "FROM agent_runs WHERE end_time IS NOT NULL GROUP BY 1"
    assert found.by("agent", "agenttrace_runs_finished_total") == rows(connection, "agent_id, count(*)", ends)
    assert found.by("status", "agenttrace_runs_finished_total") == rows(connection, "status, count(*)", ends)
    assert found.by("agent", "agenttrace_run_duration_seconds_count") == rows(connection, "agent_id, count(*)", ends)
    seconds = "agent_id, sum(extract(epoch FROM end_time - start_time))"
    assert found.by("agent", "agenttrace_run_duration_seconds_sum") == pytest.approx(rows(connection, seconds, ends))
    of_steps = "FROM agent_steps s JOIN agent_runs r USING (project_id, run_id) GROUP BY 1"
    for label, column in (("agent", "r.agent_id"), ("type", "s.type"), ("status", "s.status")):
        assert found.by(label, "agenttrace_steps_total") == rows(connection, f"{column}, count(*)", of_steps)
    cost = rows(connection, "r.agent_id, sum(s.cost_micro_usd) / 1e6", of_steps)
    assert found.by("agent", "agenttrace_cost_usd_total") == pytest.approx(cost)
    for direction in ("input", "output"):
        tokens = rows(
            connection,
            f"request_model, sum({direction}_tokens)",
            "FROM agent_steps WHERE request_model > '' GROUP BY 1",
        )
        assert found.by("model", "agenttrace_tokens_total", direction=direction) == tokens
    step_seconds = "type, sum(extract(epoch FROM end_time - start_time))"
    stored_seconds = rows(connection, step_seconds, "FROM agent_steps GROUP BY 1")
    assert found.by("type", "agenttrace_step_duration_seconds_sum") == pytest.approx(stored_seconds)
    of_failures = "FROM agent_failures f JOIN agent_runs r USING (project_id, run_id) GROUP BY 1"
    for label, column in (("agent", "r.agent_id"), ("type", "f.type")):
        assert found.by(label, "agenttrace_failures_total") == rows(connection, f"{column}, count(*)", of_failures)
    stored = dict.fromkeys(("run", "step", "failure"), 0.0)
    for table in stored:
        (stored[table],) = rows(connection, "'', count(*)", f"FROM agent_{table}s").values()
    items = {kind: found.by("outcome", "agenttrace_ingest_items_total", item=kind) for kind in stored}
    assert (items["step"]["accepted"], items["failure"]["accepted"]) == (stored["step"], stored["failure"])
    assert items["step"]["rejected"] == found.total("agenttrace_ingest_rejections_total", reason="CONFLICT") > 0
    assert items["step"]["duplicate"] > 0
    assert found.total("agenttrace_ingest_commit_lag_seconds_count") == stored["step"] + stored["failure"]


def test_a_run_finishes_once_whatever_is_told_after_that(services: Services) -> None:
    run_id = new_id()
    for message in (
        [run(run_id)],
        [ended(run_id)],
        [ended(run_id)],  # again
        [ended(run_id, tags=["late"])],  # something else of it
        [ended(run_id, status=FAILURE, end_time=at(90))],  # a correction
        [ended(run_id, status=FAILURE, end_time=at(95))],  # of its time alone
    ):
        services.ingest.RecordBatch(batch(runs=message), timeout=30)

    found = counted(services)
    assert found.by("status", "agenttrace_runs_finished_total") == {"SUCCESS": 1}
    assert found.total("agenttrace_run_status_corrections_total") == 1
    assert found.total("agenttrace_run_duration_seconds_sum") == 60


def test_ends_in_one_batch_with_their_start_count_as_if_they_came_alone(services: Services) -> None:
    corrected, plain, stub = new_id(), new_id(), new_id()
    end_of_stub = run_pb2.Run(run_id=stub, agent_id="support", status=FAILURE, end_time=at(5))

    services.ingest.RecordBatch(
        batch(
            runs=[
                run(corrected),
                ended(corrected),
                ended(corrected, status=FAILURE, end_time=at(70)),
                run(plain),
                ended(plain),
                end_of_stub,
            ]
        ),
        timeout=30,
    )

    found = counted(services)
    assert found.by("status", "agenttrace_runs_finished_total") == {"SUCCESS": 2, "FAILURE": 1}
    assert found.total("agenttrace_run_status_corrections_total") == 1
    # How long a run took is not known without its start.
    assert found.total("agenttrace_run_duration_seconds_count") == 2


def test_what_comes_before_the_agent_is_known_is_of_an_unknown_one(services: Services) -> None:
    run_id = new_id()
    services.ingest.RecordBatch(batch(steps=[step(run_id)], failures=[failure(run_id)]), timeout=30)
    services.ingest.RecordBatch(batch(runs=[ended(run_id)], steps=[step(run_id)]), timeout=30)

    found = counted(services)
    assert found.by("agent", "agenttrace_runs_started_total") == {"_UNKNOWN": 1}
    assert found.by("agent", "agenttrace_steps_total") == {"_UNKNOWN": 1, "support": 1}
    assert found.by("agent", "agenttrace_failures_total") == {"_UNKNOWN": 1}
    assert found.by("agent", "agenttrace_runs_finished_total") == {"support": 1}


def test_what_is_committed_counts_although_its_call_was_cancelled(
    services: Services, connection: psycopg.Connection
) -> None:
    """The client leaves while its rows wait for a lock: nobody gets a receipt, and they are stored all the same."""
    run_id = new_id()
    with psycopg.connect(services.database_url) as locking:
        locking.execute("LOCK TABLE agent_steps IN ACCESS EXCLUSIVE MODE")
        call = services.ingest.RecordBatch.future(batch(runs=[run(run_id)], steps=[step(run_id)]), timeout=30)
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE '%writer'"
        until(lambda: connection.execute(waiting).fetchall())
        call.cancel()
        locking.rollback()
    until(lambda: counted(services).by("agent", "agenttrace_steps_total"))

    assert call.cancelled()
    found = counted(services)
    assert found.total("agenttrace_steps_total") == 1
    assert found.total("agenttrace_ingest_items_total", item="step", outcome="accepted") == 1
    ended_as = found.by("grpc_code", "grpc_server_handled_total", grpc_method="RecordBatch")
    assert ended_as == {"Canceled": 1}


def test_failures_and_durations_name_a_run_to_look_at(services: Services) -> None:
    run_id = new_id()
    services.ingest.RecordBatch(batch(runs=[ended(run_id)], failures=[failure(run_id)]), timeout=30)

    found = counted(services)
    named = {s.name for s in found.samples if s.exemplar and s.exemplar.labels == {"run_id": run_id}}
    assert named == {
        "agenttrace_failures_total",
        "agenttrace_run_duration_seconds_bucket",
        "grpc_server_handling_seconds_bucket",
    }


def test_after_a_restart_counters_begin_at_zero_for_the_agents_there_are(
    database_url: str, connection: psycopg.Connection
) -> None:
    config = config_for(database_url)
    connection.execute("INSERT INTO projects (name) VALUES ('other')")
    with running(config) as services:
        services.ingest.RecordBatch(batch(runs=[run(new_id()), run(new_id(), agent_id="billing")]), timeout=30)
        services.ingest.RecordBatch(batch(runs=[run(new_id(), agent_id="of_old", start_time=at(-86_400 * 20))]))

    with running(config) as services:
        found = counted(services)
        known = {s.labels["agent"] for s in found.of("agenttrace_failures_total")}
        assert known == {"support", "billing"}
        assert found.total("agenttrace_runs_finished_total") == 0
        services.ingest.RecordBatch(batch(runs=[ended(new_id())]), timeout=30)
        assert counted(services).by("agent", "agenttrace_runs_finished_total", project="default") == {"support": 1}


def test_agents_beyond_the_limit_are_counted_together(database_url: str) -> None:
    with running(config_for(database_url, metrics_agent_limit=2)) as services:
        for name in ("a", "b", "c", "d"):
            services.ingest.RecordBatch(batch(runs=[run(new_id(), agent_id=name)]), timeout=30)
        found = counted(services)

    assert found.by("agent", "agenttrace_runs_started_total") == {"a": 1, "b": 1, "_OTHER": 2}
    assert found.by("label", "agenttrace_label_overflow_total").keys() == {"agent"}


def maintained(database_url: str) -> Scrape:
    """What a maintain process tells that has just started, after its first rounds."""

    async def run_it() -> Scrape:
        async with server.maintain_service(config_for(database_url)) as endpoints:
            while True:
                found = await asyncio.to_thread(Scrape, endpoints.metrics_url)
                operations = {s.labels["operation"] for s in found.of("agenttrace_db_query_seconds_count")}
                if {"abandon_runs", "find_dirty_hours"} <= operations:
                    return found
                await asyncio.sleep(0.02)

    return asyncio.run(run_it())


def test_the_maintain_process_measures_what_agents_are_at(services: Services, connection: psycopg.Connection) -> None:
    stalled, fine = new_id(), new_id()
    services.ingest.RecordBatch(
        batch(runs=[run(stalled), run(fine), ended(new_id(), agent_id="billing"), run(new_id(), agent_id="")]),
        timeout=30,
    )
    connection.execute("UPDATE agent_runs SET update_time = now() - interval '31 min' WHERE run_id = %s", [stalled])

    found = maintained(services.database_url)

    assert found.by("agent", "agenttrace_runs_in_progress") == {"support": 2, "_UNKNOWN": 1}
    assert found.by("agent", "agenttrace_runs_stalled") == {"support": 1}
    started = at(0).seconds
    assert {s.labels["agent"]: s.value for s in found.of("agenttrace_agent_last_run_timestamp_seconds")} == {
        "support": started,
        "billing": started,
        "_UNKNOWN": started,
    }
    assert found.total("agenttrace_oldest_open_run_age_seconds") > 3_000


def test_an_abandoned_run_counts_once_and_its_later_end_corrects_it(
    services: Services, connection: psycopg.Connection
) -> None:
    run_id = new_id()
    services.ingest.RecordBatch(batch(runs=[run(run_id)]), timeout=30)
    silent = "UPDATE agent_runs SET update_time = now() - interval '2 h'"
    connection.execute(silent)
    first = maintained(services.database_url)
    services.ingest.RecordBatch(batch(steps=[step(run_id)]), timeout=30)  # it comes back
    connection.execute(silent)
    second = maintained(services.database_url)
    services.ingest.RecordBatch(batch(runs=[ended(run_id)]), timeout=30)

    abandoned = [scrape.by("status", "agenttrace_runs_finished_total") for scrape in (first, second)]
    assert abandoned == [{"ABANDONED": 1}, {}]
    found = counted(services)
    assert found.by("status", "agenttrace_runs_finished_total") == {}
    assert found.total("agenttrace_run_status_corrections_total") == 1


def test_a_batch_that_is_not_written_counts_as_failed_and_nothing_else(database_url: str) -> None:
    with running(config_for(database_url, pool_timeout_seconds=0.2)) as services:
        with psycopg.connect(services.database_url) as locking:
            locking.execute("LOCK TABLE agent_runs IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(grpc.RpcError) as refused:
                services.ingest.RecordBatch(batch(runs=[run(new_id())]), timeout=30)
            locking.rollback()
        found = counted(services)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert found.by("reason", "agenttrace_ingest_flush_failures_total") == {"STORE_UNAVAILABLE": 1}
    assert found.by("outcome", "agenttrace_ingest_items_total") == {}
    assert found.of("agenttrace_runs_started_total") == []
