"""What a run waited for, and how long a step itself was at work."""

from __future__ import annotations

import itertools

import pytest

from agenttrace_server.console.critical_path import Span, critical, self_seconds


def test_steps_one_after_the_other_are_all_waited_for() -> None:
    spans = {"a": Span(0, 2, ""), "b": Span(3, 5, "")}

    assert critical(spans, 6) == {"a": [(0, 2)], "b": [(3, 5)], "": [(5, 6), (2, 3)]}


def test_of_steps_at_the_same_time_the_last_to_end_is_waited_for() -> None:
    spans = {"slow": Span(0, 5, ""), "fast": Span(0, 3, "")}

    assert critical(spans, 5) == {"slow": [(0, 5)], "": []}


def test_time_within_nested_steps_is_theirs() -> None:
    spans = {"outer": Span(0, 10, ""), "inner": Span(2, 6, "outer")}

    assert critical(spans, 10) == {"outer": [(6, 10), (0, 2)], "inner": [(2, 6)], "": []}


def test_a_step_that_outlives_its_parent_counts_up_to_its_end() -> None:
    spans = {"outer": Span(0, 4, ""), "inner": Span(1, 9, "outer")}

    found = critical(spans, 4)

    assert (found["outer"], found["inner"]) == ([(0, 1)], [(1, 4)])


def test_the_stretches_add_up_to_the_whole_run() -> None:
    spans = {
        "a": Span(0.5, 7, ""), "b": Span(1, 3, "a"), "c": Span(2, 6, "a"), "d": Span(2.5, 4, "c"), "e": Span(8, 9, "?"),
    }  # fmt: skip

    found = critical(spans, 10)

    assert sum(end - start for stretches in found.values() for start, end in stretches) == pytest.approx(10)
    ordered = sorted(stretch for stretches in found.values() for stretch in stretches)
    assert all(one[1] == pytest.approx(next_one[0]) for one, next_one in itertools.pairwise(ordered))


def test_a_step_itself_is_at_work_while_none_nested_in_it_is() -> None:
    spans = {
        "outer": Span(0, 10, ""), "one": Span(1, 4, "outer"), "two": Span(3, 5, "outer"), "late": Span(9, 12, "outer"),
    }  # fmt: skip

    assert self_seconds(spans) == {"outer": 5, "one": 3, "two": 2, "late": 3}


def test_steps_in_a_circle_end() -> None:
    spans = {"a": Span(0, 1, "b"), "b": Span(0, 1, "a")}

    assert critical(spans, 1) == {"": [(0, 1)]}
