"""A run's steps as rows: nested, attempts together, gaps shown."""

from __future__ import annotations

import pytest

from agenttrace.v1.query_service_pb2 import GetRunResponse
from agenttrace_server.console import waterfall
from agenttrace_server.console.run_view import RunView
from agenttrace_server.console.timeline_part import PAGE_ROWS, part
from agenttrace_server.console.waterfall import Timeline, attempt_marks, timeline
from items import at, new_id
from run_stories import Story, deep, failed, long


def detail(story: Story, missing: int = 0) -> GetRunResponse:
    """The answer of the query service that has a story."""
    answer = GetRunResponse(steps=story.steps)
    answer.run.run.CopyFrom(story.run)
    for failure in story.failures:
        answer.failures.add(failure=failure)
    answer.completeness.missing_step_count = missing
    return answer


def laid_out(story: Story, missing: int = 0) -> Timeline:
    return timeline(detail(story, missing))


def outline(found: Timeline) -> list[tuple[int, str, list[int]]]:
    """Depth, name and attempts of each row."""
    return [
        (row.depth, row.attempts[0].step.name if row.attempts else "?", [it.number for it in row.attempts])
        for row in found.rows
    ]


def test_attempts_at_one_step_are_one_row_nested_where_the_first_was() -> None:
    assert outline(laid_out(failed())) == [
        (0, "plan_trip", [1]),
        (0, "flight_agent", [1]),
        (1, "search_flights", [1, 2]),
        (1, "rank_offers", [1]),
        (1, "confirm_offer", [1]),
        (2, "POST_/v2/offers/confirm", [1, 2]),
        (0, "apologise", [1]),
    ]


def test_what_is_nested_in_a_second_attempt_is_in_the_row_of_both() -> None:
    story = Story()
    first = story.step("handoff", "agent", 0, 1)
    inner = story.step("tool", "call", 0.1, 0.9, first)
    second = story.step("handoff", "agent", 1, 2, attempt=2, retry_of_step_id=first.step_id)
    story.step("tool", "call", 1.1, 1.9, second, attempt=2, retry_of_step_id=inner.step_id)
    story.step("tool", "other", 1.95, 1.99, second)

    assert outline(laid_out(story)) == [(0, "agent", [1, 2]), (1, "call", [1, 2]), (1, "other", [1])]


def test_a_missing_step_is_shown_where_its_number_is_missing() -> None:
    found = laid_out(failed(), missing=1)

    assert [row.missing_before for row in found.rows] == [0, 0, 0, 0, 0, 0, 1]
    assert found.missing_after == 0


def test_missing_steps_without_a_gap_come_last() -> None:
    story = Story()
    story.step("plan", "only", 0, 1)

    assert laid_out(story, missing=3).missing_after == 3


def test_a_parent_that_was_not_received_has_a_row_of_its_own() -> None:
    story, absent = Story(), new_id()
    story.step("tool", "orphan", 0, 1, parent_step_id=absent)

    found = laid_out(story)

    assert outline(found) == [(0, "?", []), (1, "orphan", [1])]
    assert found.rows[0].key == absent


def test_a_circle_of_parents_is_shown_once() -> None:
    story = Story()
    first = story.step("tool", "first", 0, 1)
    second = story.step("tool", "second", 0, 1, first)
    first.parent_step_id = second.step_id
    itself = story.step("tool", "itself", 0, 1)
    itself.parent_step_id = itself.step_id

    assert sorted(name for _, name, _ in outline(laid_out(story))) == ["first", "itself", "second"]


def test_steps_in_any_order_give_the_same_rows() -> None:
    story, turned = failed(), failed()
    turned.steps = list(reversed(story.steps))
    turned.run, turned.failures = story.run, list(reversed(story.failures))

    assert outline(laid_out(turned)) == outline(laid_out(story))


def test_the_timeline_reaches_over_steps_outside_of_their_run() -> None:
    story = Story(begin=10)
    story.step("tool", "early", -2, 1)
    story.step("tool", "late", 1, 9)
    story.end("SUCCESS", 5)

    found = laid_out(story)

    assert (found.seconds, found.rows[0].start, found.rows[1].end) == (11, 0, 11)


def test_a_run_that_goes_on_reaches_to_its_last_sign_of_life() -> None:
    story = Story()
    story.step("tool", "done", 0, 1)
    story.run.heartbeat_time.CopyFrom(at(30))

    assert laid_out(story).seconds == 30


def test_of_many_attempts_the_first_and_last_are_named_and_a_missing_one_is() -> None:
    story = Story()
    first = story.step("model", "ask", 0, 0.1)
    for number in (*range(2, 5), *range(6, 15)):
        story.step("model", "ask", number, number + 0.1, attempt=number, retry_of_step_id=first.step_id)
    row = laid_out(story).rows[0]

    assert [number for number, _ in attempt_marks(row)] == [1, 2, 3, 0, 13, 14]

    del row.attempts[4:]
    del row.attempts[1]
    assert [(number, bool(attempt)) for number, attempt in attempt_marks(row)] == [
        (1, True), (2, False), (3, True), (4, True),
    ]  # fmt: skip


def test_ten_thousand_nested_steps_are_laid_out() -> None:
    found = laid_out(deep(levels=10_000))

    assert found.rows[-1].depth == 9_999


def test_a_long_run_opens_at_the_page_with_its_root_cause() -> None:
    answer = detail(long())
    answer.failures[0].root = True
    found = timeline(answer)

    shown = part(found, RunView())

    assert shown.count == 2_000
    assert any(row.root for row in shown.rows)
    assert len(shown.rows) <= PAGE_ROWS
    assert (shown.first % PAGE_ROWS, shown.zoomed) == (0, False)
    assert shown.start > 190  # seconds: what is on this page alone has the whole width


def test_the_page_with_the_chosen_step_is_shown_and_pages_have_every_row_once() -> None:
    found = laid_out(long())
    wanted = found.rows[1_000].attempts[0].step.step_id

    shown = part(found, RunView(step=wanted))

    assert found.rows[1_000] in shown.rows
    pages = [part(found, RunView(row=first)).rows for first in range(0, 2_000, PAGE_ROWS)]
    assert [row.key for rows in pages for row in rows] == [row.key for row in found.rows]


def test_a_stretch_of_time_shows_what_was_at_work_in_it_and_around_that() -> None:
    shown = part(laid_out(failed()), RunView(since=3_000, until=3_900))

    assert [row.attempts[0].step.name for row in shown.rows] == ["flight_agent", "search_flights"]
    assert (shown.start, shown.end, shown.left_out, shown.zoomed) == (3.0, 3.9, 5, True)
    assert shown.share(3.45) == pytest.approx(50)


def test_a_subtree_is_shown_alone_on_its_own_time() -> None:
    story = failed()
    booking = next(step for step in story.steps if step.name == "confirm_offer")

    shown = part(laid_out(story), RunView(under=booking.step_id))

    assert [row.attempts[0].step.name for row in shown.rows] == ["confirm_offer", "POST_/v2/offers/confirm"]
    assert (shown.depth, shown.start, shown.end) == (1, 7, 11)


def test_rows_of_a_later_page_tell_what_they_are_nested_in() -> None:
    found = laid_out(deep(levels=200))

    shown = part(found, RunView(row=PAGE_ROWS))

    assert len(shown.around) == PAGE_ROWS
    assert shown.around[0] is found.rows[0]


def test_each_failure_is_at_its_attempt() -> None:
    answer = detail(failed())
    for told in answer.failures:
        told.recovered = told.failure.code == "rate_limited"
    rows = {row.attempts[0].step.name: row for row in waterfall.timeline(answer).rows}

    assert [it.recovered for it in rows["search_flights"].attempts] == [True, False]
    assert [it.failed for it in rows["search_flights"].attempts] == [True, False]
    assert (rows["search_flights"].failed, rows["confirm_offer"].failed) == (False, True)
