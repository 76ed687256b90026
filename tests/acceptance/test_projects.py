"""Two projects over the wire: neither sees, names or changes anything of the other's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import psycopg
import pytest

from agenttrace.v1 import query_service_pb2 as query
from fix_keys import asking_for_keys, new_key, new_project, refusal, with_key
from fix_server import Services
from fix_store import assert_counters_equal_a_recount
from items import batch, ended, failure, new_id, step, upload

STEPS = 3


@dataclass
class Tenant:
    """One project's way to the services."""

    services: Services
    name: str
    metadata: tuple[tuple[str, str], ...]

    def record(self, run_id: str, *, agent: str, resend: bool = False, steps: list[Any] | None = None) -> Any:
        """Record a run with three steps and a failure; return the answer."""
        message = upload(
            runs=[ended(run_id, agent_id=agent)],
            steps=[step(run_id) for _ in range(STEPS)] if steps is None else steps,
            failures=[failure(run_id, code=agent)],
            resend=resend,
        )
        return self.services.ingest.UploadSteps(iter([message]), metadata=self.metadata, timeout=30)

    def call(self, name: str, request: Any) -> Any:
        return getattr(self.services.query, name)(request, metadata=self.metadata, timeout=30)

    def agents(self) -> list[str]:
        """The agents of all its runs, as they are listed."""
        chunks = self.call("ListRuns", query.ListRunsRequest())
        return [summary.run.agent_id for chunk in chunks for summary in chunk.runs]


@pytest.fixture
def tenants(database_url: str) -> Iterator[tuple[Tenant, Tenant]]:
    for name in ("ours", "theirs"):
        new_project(database_url, name)
    with asking_for_keys(database_url) as services:
        yield tuple(  # type: ignore[misc]
            Tenant(services, name, with_key(new_key(database_url, name))) for name in ("ours", "theirs")
        )


def exhaust(answer: Any) -> None:
    """A stream fails when it is read, and nothing else can be read."""
    for _ in answer:
        pass


def refused(tenant: Tenant, call: str, request: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as error:
        exhaust(tenant.call(call, request))
    return refusal(error.value)[:2]


def test_each_project_lists_and_counts_its_own(tenants: tuple[Tenant, Tenant]) -> None:
    for tenant in tenants:
        for _ in range(2):
            tenant.record(new_id(), agent=tenant.name)

    for tenant in tenants:
        steps = [s for chunk in tenant.call("ListSteps", query.ListStepsRequest()) for s in chunk.steps]
        failures = [f for chunk in tenant.call("ListFailures", query.ListFailuresRequest()) for f in chunk.failures]
        stats = tenant.call("GetStats", query.GetStatsRequest(group_by=query.STATS_DIMENSION_AGENT))

        assert tenant.agents() == [tenant.name] * 2
        assert len(steps) == 2 * STEPS
        assert [entry.failure.code for entry in failures] == [tenant.name] * 2
        assert [group.key for group in stats.groups] == [tenant.name]
        assert stats.totals.run_count == 2


def test_a_run_of_another_project_does_not_exist(tenants: tuple[Tenant, Tenant]) -> None:
    ours, theirs = tenants
    theirs.record(run_id := new_id(), agent="theirs")

    assert refused(ours, "GetRun", query.GetRunRequest(run_id=run_id)) == ("NOT_FOUND", "RUN_NOT_FOUND")
    steps = ours.call("ListSteps", query.ListStepsRequest(run_id=run_id))
    assert [s for chunk in steps for s in chunk.steps] == []
    assert refused(ours, "GetRun", query.GetRunRequest(run_id=new_id())) == ("NOT_FOUND", "RUN_NOT_FOUND")


@pytest.mark.parametrize("resend", [False, True])
def test_the_same_ids_in_two_projects_are_two_runs(
    tenants: tuple[Tenant, Tenant], connection: psycopg.Connection, resend: bool
) -> None:
    """Also by the way of what is sent again, which looks for what is stored."""
    run_id = new_id()
    steps = [step(run_id, name="lookup") for _ in range(STEPS)]
    others = [step(run_id, step_id=s.step_id, name="other") for s in steps]

    first = tenants[0].record(run_id, agent="ours", steps=steps, resend=resend)
    second = tenants[1].record(run_id, agent="theirs", steps=others, resend=resend)
    again = tenants[1].record(run_id, agent="theirs", steps=others, resend=resend)

    assert [answer.counts.steps.accepted for answer in (first, second, again)] == [STEPS, STEPS, 0]
    assert (again.counts.steps.duplicate, len(again.rejections)) == (STEPS, 0)
    for tenant, name in zip(tenants, ("lookup", "other"), strict=True):
        found = tenant.call("GetRun", query.GetRunRequest(run_id=run_id))
        assert found.run.run.agent_id == tenant.name
        assert [s.name for s in found.steps] == [name] * STEPS
    stored = connection.execute(
        "SELECT p.name, r.agent_id, r.step_count, r.failure_count FROM agent_runs r JOIN projects p USING (project_id) "
        "ORDER BY 1"
    ).fetchall()
    assert [row[:3] for row in stored] == [("ours", "ours", STEPS), ("theirs", "theirs", STEPS)]


def test_streams_of_two_projects_at_once_write_each_into_its_own(
    tenants: tuple[Tenant, Tenant], connection: psycopg.Connection
) -> None:
    """One writer serves them all: a transaction is of one project."""
    calls = []
    for number in range(40):
        tenant = tenants[number % 2]
        run_id = new_id()
        message = upload(runs=[ended(run_id, agent_id=tenant.name)], steps=[step(run_id) for _ in range(STEPS)])
        calls.append(
            tenant.services.ingest.UploadSteps.future(iter([message] * 3), metadata=tenant.metadata, timeout=60)
        )
    accepted = sum(call.result().counts.steps.accepted for call in calls)

    stored = connection.execute(
        "SELECT p.name, r.agent_id, count(*), sum(r.step_count) FROM agent_runs r JOIN projects p USING (project_id) "
        "GROUP BY 1, 2 ORDER BY 1"
    ).fetchall()
    assert (accepted, stored) == (40 * STEPS, [(t.name, t.name, 20, 20 * STEPS) for t in tenants])
    assert_counters_equal_a_recount(connection)


def test_a_watch_is_told_of_its_own_project_alone(tenants: tuple[Tenant, Tenant]) -> None:
    ours, theirs = tenants
    watch = ours.call("WatchRuns", query.WatchRunsRequest())
    next(watch)

    theirs.record(new_id(), agent="theirs")
    ours.record(run_id := new_id(), agent="ours")
    told = next(watch)

    assert [summary.run.run_id for summary in told.runs] == [run_id]
    watch.cancel()


def test_tokens_of_another_project_are_no_tokens(tenants: tuple[Tenant, Tenant]) -> None:
    ours, theirs = tenants
    shared = new_id()
    for tenant in tenants:
        tenant.record(shared, agent=tenant.name)
        tenant.record(new_id(), agent=tenant.name)
    requests: dict[str, Any] = {
        "ListRuns": query.ListRunsRequest(page_size=1),
        "ListSteps": query.ListStepsRequest(page_size=1, run_id=shared),
        "ListFailures": query.ListFailuresRequest(page_size=1),
    }

    for call, request in requests.items():
        request.page_token = next(theirs.call(call, request)).next_page_token
        assert request.page_token
        next(theirs.call(call, request))
        assert refused(ours, call, request) == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
    watch = theirs.call("WatchRuns", query.WatchRunsRequest())
    resume = query.WatchRunsRequest(resume_token=next(watch).resume_token)
    watch.cancel()
    assert refused(ours, "WatchRuns", resume) == ("INVALID_ARGUMENT", "INVALID_RESUME_TOKEN")


def test_a_conflict_in_one_project_says_nothing_of_another(tenants: tuple[Tenant, Tenant]) -> None:
    """Whether an id is taken elsewhere can not be found out by writing it."""
    ours, theirs = tenants
    theirs.record(run_id := new_id(), agent="theirs")

    answer = ours.services.ingest.RecordBatch(
        batch(runs=[ended(run_id, agent_id="other")]), metadata=ours.metadata, timeout=30
    )

    assert (answer.counts.runs.accepted, answer.counts.runs.duplicate, len(answer.rejections)) == (1, 0, 0)


def test_tokens_count_while_their_signing_key_is_replaced(database_url: str) -> None:
    metadata = with_key(new_key(database_url))
    request = query.ListRunsRequest(page_size=1)
    with asking_for_keys(database_url, page_token_key="old") as services:
        services.ingest.RecordBatch(batch(runs=[ended(new_id()), ended(new_id())]), metadata=metadata, timeout=30)
        request.page_token = next(services.query.ListRuns(request, metadata=metadata, timeout=30)).next_page_token

    with asking_for_keys(database_url, page_token_key="new", page_token_key_previous="old") as services:
        assert next(services.query.ListRuns(request, metadata=metadata, timeout=30)).runs
    with asking_for_keys(database_url, page_token_key="new") as services, pytest.raises(grpc.RpcError) as error:
        next(services.query.ListRuns(request, metadata=metadata, timeout=30))
    assert refusal(error.value)[1] == "INVALID_PAGE_TOKEN"
