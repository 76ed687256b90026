from __future__ import annotations

import pytest

from agenttrace.cli.waterfall import rows, shortened
from agenttrace.v1 import step_pb2


def step(name, sequence, parent="", **facts):
    return step_pb2.Step(step_id=name, name=name, sequence=sequence, parent_step_id=parent, **facts)


def test_children_follow_their_parent_in_order():
    steps = [step("c", 3, "a"), step("a", 0), step("b", 2), step("d", 1, "a"), step("e", 4, "d")]

    assert [(row.step.name, row.place.depth) for row in rows(steps, [], 0)] == [
        ("a", 0),
        ("d", 1),
        ("e", 2),
        ("c", 1),
        ("b", 0),
    ]


@pytest.mark.parametrize(
    "steps",
    [[step("a", 0, "b"), step("b", 1, "a")], [step("a", 0, "a")], [step("a", 0, "missing"), step("b", 1, "a")]],
)
def test_every_step_is_shown_once_whatever_its_parents(steps):
    assert sorted(row.step.name for row in rows(steps, [], 0)) == [made.name for made in steps]


def test_ten_thousand_nested_steps_are_no_problem():
    steps = [step(str(number), number, str(number - 1) if number else "") for number in range(10_000)]

    assert rows(steps, [], 0)[-1].place.depth == 9_999


def test_attempts_at_the_same_work_stand_together_though_others_ran_between():
    steps = [step("a1", 0), step("b", 1), step("a2", 2, retry_of_step_id="a1", attempt=2), step("c", 3)]

    assert [row.step.name for row in rows(steps, [], 0)] == ["a1", "a2", "b", "c"]


def test_the_middle_ones_of_many_attempts_are_told_in_one_row():
    first = step("t1", 0)
    others = [step(f"t{number}", number, retry_of_step_id="t1", attempt=number) for number in range(2, 21)]

    shown = shortened(rows([first, *others, step("end", 30)], [], 0))

    assert [row.step.name for row in shown] == ["t1", "t2", "t3", "t19", "t20", "end"]
    assert [row.left_out for row in shown] == [0, 0, 0, 15, 0, 0]


def test_what_is_nested_in_one_of_many_attempts_is_not_hidden():
    attempts = [step(f"t{n}", n, attempt=n, retry_of_step_id="t1" if n > 1 else "") for n in range(1, 11)]

    shown = shortened(rows([*attempts, step("inside", 40, "t5")], [], 0))

    assert {"t5", "inside"} <= {row.step.name for row in shown}


def test_the_tree_says_where_each_level_goes_on():
    steps = [step("a", 0), step("b", 1, "a"), step("c", 2, "b"), step("d", 3, "a"), step("e", 4, "d")]

    assert [row.place.goes_on for row in rows(steps, [], 0)] == [
        (),
        (True,),
        (True, False),
        (False,),
        (False, False),
    ]


def test_gaps_are_shown_only_where_steps_are_missing():
    steps = [step("a", 0), step("b", 3), step("c", 9)]

    assert [row.missing_before for row in rows(steps, [], 0)] == [0, 0, 0]
    assert [row.missing_before for row in rows(steps, [], 4)] == [0, 2, 2]
