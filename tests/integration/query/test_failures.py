"""Listings of failures, and what is derived from the runs around them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from agenttrace_server.read_records import FailureFilter, FailureSelection, StoredFailure
from agenttrace_server.store.failures import FailureStore
from agenttrace_server.store.reads import ReadDatabase

ALL = FailureSelection()


def listing(
    read: Any, selection: FailureSelection = ALL, size: int = 100, scan_rows: int = 20_000
) -> list[StoredFailure]:
    """All failures of a listing, page by page."""

    async def act(database: ReadDatabase) -> list[StoredFailure]:
        store, found = FailureStore(database, scan_rows=scan_rows), []
        page = await store.page(1, selection, None, size)
        found += page.rows
        while page.next is not None:
            page = await store.page(1, selection, page.next, size)
            found += page.rows
        return found

    found: list[StoredFailure] = read(act)
    return found


def ids(failures: list[StoredFailure]) -> list[UUID]:
    return [failure.failure_id for failure in failures]


def roots(read: Any) -> set[UUID]:
    return {failure.failure_id for failure in listing(read) if failure.root}


def recovered(read: Any) -> set[UUID]:
    return {failure.failure_id for failure in listing(read) if failure.recovered}


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7])
def test_failures_come_latest_first(read: Any, rows: Any, size: int) -> None:
    run_id = rows.run()
    expected = [rows.failure(run_id, occur=second) for second in range(6)][::-1]

    assert ids(listing(read, size=size)) == expected


def test_failures_of_one_instant_and_even_one_id_are_all_listed(read: Any, rows: Any) -> None:
    """An id is unique only within its run: clients that derive ids may use one in every run."""
    same = uuid4()
    runs = sorted((rows.run() for _ in range(5)), reverse=True)
    for run_id in runs:
        rows.failure(run_id, failure_id=same)
        rows.failure(run_id, failure_id=UUID(int=0))

    for size in (1, 2, 3, 100):
        found = listing(read, size=size)
        assert [(failure.failure_id, failure.run_id) for failure in found] == [
            *((same, run_id) for run_id in runs),
            *((UUID(int=0), run_id) for run_id in runs),
        ]


def test_every_filter_selects_exactly(read: Any, rows: Any) -> None:
    support = rows.run(agent_version="1")
    billing = rows.run(agent_id="billing", environment="staging")
    first = rows.step(support, status="ERROR", name="search")
    rows.step(support, attempt=2, retry_of_step_id=first)
    late = rows.failure(support, first, 9, code="timeout")
    middle = rows.failure(support, None, 5, type="MODEL", code="refused")
    early = rows.failure(billing, None, 1, type="RETRIEVAL", code="timeout")

    for fields, expected in [
        ({"types": ["TOOL", "RETRIEVAL"]}, [late, early]),
        ({"codes": ["timeout"]}, [late, early]),
        ({"codes": ["timeout"], "types": ["TOOL"]}, [late]),
        ({"occur_time_from": rows.at(5)}, [late, middle]),
        ({"occur_time_from": rows.at(5), "occur_time_before": rows.at(9)}, [middle]),
        ({"agent_ids": ["billing", "nobody"]}, [early]),
        ({"agent_versions": ["1"]}, [late, middle]),
        ({"environments": ["production"]}, [late, middle]),
        ({"recovered": True}, [late]),
        ({"recovered": False}, [middle, early]),
        ({"codes": ["nothing"]}, []),
    ]:
        for size, scan_rows in [(100, 20_000), (1, 1), (1, 2)]:
            selection = FailureSelection(failure_filter=FailureFilter(**fields))
            assert ids(listing(read, selection, size, scan_rows)) == expected, fields
            of_run = FailureSelection(str(support), FailureFilter(**fields))
            assert ids(listing(read, of_run, size, scan_rows)) == [found for found in expected if found != early]


def test_the_failures_of_a_run_that_is_not_there_are_an_empty_listing(read: Any, rows: Any) -> None:
    rows.failure(rows.run())

    assert listing(read, FailureSelection(run_id=str(UUID(int=1)))) == []


def test_a_failure_knows_its_run_and_its_step(read: Any, rows: Any) -> None:
    run_id = rows.run(agent_version="1.4", environment="staging")
    step_id = rows.step(run_id, name="search", attempt=3, retry_of_step_id=uuid4())
    rows.failure(
        run_id, step_id, 1, http_status=503, grpc_status=14, retryable=True, exception_type="httpx.ReadTimeout"
    )
    rows.failure(run_id, uuid4(), 0)

    of_step, without = listing(read)

    assert (of_step.agent_id, of_step.agent_version, of_step.environment) == ("support", "1.4", "staging")
    assert (of_step.step_name, of_step.attempt) == ("search", 3)
    assert (of_step.http_status, of_step.grpc_status, of_step.retryable) == (503, 14, True)
    assert (without.step_name, without.attempt, without.retryable) == (None, None, None)


class TestRecovered:
    """A later attempt of the same step ended OK."""

    def test_by_a_retry(self, read: Any, rows: Any) -> None:
        run_id = rows.run()
        first = rows.step(run_id, status="ERROR")
        second = rows.step(run_id, status="ERROR", attempt=2, retry_of_step_id=first)
        rows.step(run_id, attempt=3, retry_of_step_id=first)
        failures = {rows.failure(run_id, first), rows.failure(run_id, second)}

        assert recovered(read) == failures

    def test_not_by_an_earlier_attempt(self, read: Any, rows: Any) -> None:
        """Attempts may end in any order; the one that failed last was not made good."""
        run_id = rows.run()
        first = rows.step(run_id)
        rows.step(run_id, attempt=2, retry_of_step_id=first)
        third = rows.step(run_id, status="ERROR", attempt=3, retry_of_step_id=first)
        rows.failure(run_id, third)

        assert recovered(read) == set()

    def test_not_by_a_retry_that_failed_too(self, read: Any, rows: Any) -> None:
        run_id = rows.run()
        first = rows.step(run_id, status="ERROR")
        rows.step(run_id, status="ERROR", attempt=2, retry_of_step_id=first)
        rows.failure(run_id, first)

        assert recovered(read) == set()

    def test_not_by_another_step_of_the_same_name(self, read: Any, rows: Any) -> None:
        run_id = rows.run()
        first, other = rows.step(run_id, status="ERROR"), rows.step(run_id, status="ERROR")
        rows.step(run_id, attempt=2, retry_of_step_id=other)
        rows.failure(run_id, first)

        assert recovered(read) == set()

    def test_not_by_a_step_of_the_same_id_in_another_run(self, read: Any, rows: Any) -> None:
        run_id, other = rows.run(), rows.run()
        first = rows.step(run_id, status="ERROR")
        rows.step(run_id, status="ERROR", attempt=2, retry_of_step_id=first)
        rows.step(other, attempt=2, retry_of_step_id=first)
        rows.failure(run_id, first)

        assert recovered(read) == set()

    def test_not_where_the_run_as_a_whole_failed(self, read: Any, rows: Any) -> None:
        run_id = rows.run()
        rows.step(run_id, attempt=2, retry_of_step_id=rows.step(run_id, status="ERROR"))
        rows.failure(run_id)

        assert recovered(read) == set()

    def test_also_while_the_failed_step_is_missing(self, read: Any, rows: Any) -> None:
        """What retries refer to is the first attempt, so the missing step is known to have been that."""
        run_id, missing = rows.run(), uuid4()
        rows.step(run_id, attempt=2, retry_of_step_id=missing)
        failure = rows.failure(run_id, missing)

        assert recovered(read) == {failure}


class TestRoot:
    """Of the unrecovered failures that no other failure caused, the deepest, then the earliest."""

    def test_a_lone_failure(self, read: Any, rows: Any) -> None:
        failure = rows.failure(rows.run())

        assert roots(read) == {failure}

    def test_one_of_each_run(self, read: Any, rows: Any) -> None:
        runs = [rows.run(), rows.run()]
        early = {rows.failure(run_id, occur=1) for run_id in runs}
        for run_id in runs:
            rows.failure(run_id, occur=2)

        assert roots(read) == early

    def test_the_same_id_in_two_runs_is_judged_in_each(self, read: Any, rows: Any) -> None:
        same, runs = uuid4(), [rows.run(), rows.run()]
        rows.failure(runs[0], failure_id=same, occur=1)
        rows.failure(runs[0], occur=2)
        rows.failure(runs[1], failure_id=same, occur=2)
        rows.failure(runs[1], occur=1)

        found = {(failure.run_id, failure.failure_id == same) for failure in listing(read) if failure.root}
        assert found == {(runs[0], True), (runs[1], False)}

    def test_not_a_recovered_one(self, read: Any, rows: Any) -> None:
        run_id = rows.run()
        first = rows.step(run_id, status="ERROR")
        rows.step(run_id, attempt=2, retry_of_step_id=first)
        rows.failure(run_id, first, 0)
        whole = rows.failure(run_id, None, 5)

        assert roots(read) == {whole}

    def test_none_where_all_were_recovered(self, read: Any, rows: Any) -> None:
        run_id = rows.run()
        first = rows.step(run_id, status="ERROR")
        rows.step(run_id, attempt=2, retry_of_step_id=first)
        rows.failure(run_id, first)

        assert roots(read) == set()

    def test_the_deepest_step(self, read: Any, rows: Any) -> None:
        run_id = rows.run()
        top = rows.step(run_id, status="ERROR")
        middle = rows.step(run_id, status="ERROR", parent_step_id=top)
        bottom = rows.step(run_id, status="ERROR", parent_step_id=middle)
        rows.failure(run_id, top, 1)
        deepest = rows.failure(run_id, bottom, 9)
        rows.failure(run_id, middle, 2)

        assert roots(read) == {deepest}

    def test_the_cause_and_not_what_it_caused(self, read: Any, rows: Any) -> None:
        run_id = rows.run()
        cause = rows.failure(run_id, None, 9)
        rows.failure(run_id, rows.step(run_id, status="ERROR"), 1, caused_by_failure_id=cause)

        assert roots(read) == {cause}

    def test_a_cause_that_is_not_stored_does_not_count(self, read: Any, rows: Any) -> None:
        run_id, other = rows.run(), rows.run()
        theirs = rows.failure(other)
        first = rows.failure(run_id, None, 1, caused_by_failure_id=uuid4())
        rows.failure(run_id, None, 2, caused_by_failure_id=theirs)

        assert roots(read) == {first, theirs}

    def test_a_failure_that_says_it_caused_itself(self, read: Any, rows: Any) -> None:
        run_id, itself = rows.run(), uuid4()
        rows.failure(run_id, None, 1, failure_id=itself, caused_by_failure_id=itself)
        rows.failure(run_id, None, 2)

        assert roots(read) == {itself}

    def test_steps_that_are_their_own_ancestors(self, read: Any, rows: Any) -> None:
        run_id, one, two = rows.run(), uuid4(), uuid4()
        rows.step(run_id, step_id=one, parent_step_id=two, status="ERROR")
        rows.step(run_id, step_id=two, parent_step_id=one, status="ERROR")
        rows.failure(run_id, one, 2)
        early = rows.failure(run_id, two, 1)

        assert roots(read) == {early}

    def test_the_same_on_every_page(self, read: Any, rows: Any) -> None:
        """The root of a run does not depend on which of its failures stand on the page."""
        run_id = rows.run()
        for second in range(7, 0, -1):
            earliest = rows.failure(run_id, occur=second)

        for size in (1, 2, 100):
            assert [failure.failure_id for failure in listing(read, size=size) if failure.root] == [earliest]
