"""Failures counted by what they have in common."""

from __future__ import annotations

from agenttrace.v1 import failure_pb2
from agenttrace.v1.query_service_pb2 import FailureStats
from agenttrace_server.console import breakdown
from agenttrace_server.console.breakdown import Choice
from items import at

TOOL, MODEL = failure_pb2.FAILURE_TYPE_TOOL, failure_pb2.FAILURE_TYPE_MODEL


def told(kind: failure_pb2.FailureType, code: str, agent: str, count: int, first: float) -> FailureStats:
    return FailureStats(
        type=kind, code=code, agent_id=agent, agent_version="1", failure_count=count, recovered_failure_count=1,
        run_count=count - 1, first_occur_time=at(first), last_occur_time=at(first + 10),
    )  # fmt: skip


COUNTS = [
    told(TOOL, "timeout", "a", 5, 100), told(MODEL, "timeout", "a", 20, 50), told(TOOL, "timeout", "b", 6, 20),
]  # fmt: skip


def test_codes_of_different_types_are_different_kinds() -> None:
    found = breakdown.by_code(COUNTS)

    assert [(it.key, it.failures, it.recovered, it.runs, len(it.agents)) for it in found] == [
        (("model", "timeout"), 20, 1, 19, 1),
        (("tool", "timeout"), 11, 2, 9, 2),
    ]


def test_first_and_last_seen_are_of_all_agents() -> None:
    tool = breakdown.by_code(COUNTS)[1]

    assert (tool.first, tool.last) == (at(20), at(110))


def test_every_way_of_counting_counts_all() -> None:
    for count in (breakdown.by_code, breakdown.by_type, breakdown.by_agent, breakdown.by_version):
        assert sum(it.failures for it in count(COUNTS)) == breakdown.total(COUNTS).failures == 31


def test_nothing_is_counted_as_nothing() -> None:
    assert (breakdown.total([]).failures, breakdown.total([]).recovered_share) == (0, 0.0)


def test_a_choice_takes_a_type_and_a_code() -> None:
    assert [Choice("tool", "").takes(it) for it in COUNTS] == [True, False, True]
    assert [Choice("", "timeout").takes(it) for it in COUNTS] == [True, True, True]
    assert [Choice("tool", "other").takes(it) for it in COUNTS] == [False, False, False]
