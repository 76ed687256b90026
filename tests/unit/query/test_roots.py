"""The root failure: deepest in the step tree, then earliest, then with the smallest id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from agenttrace_server.store.roots import root

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Failed:
    failure_id: UUID
    step_id: UUID | None
    occur_time: datetime


def failed(number: int, step: int | None = None, *, seconds: int = 0) -> Failed:
    return Failed(UUID(int=number), None if step is None else UUID(int=step), BEGIN + timedelta(seconds=seconds))


def tree(**edges: int) -> dict[UUID, UUID]:
    """Parents by `s<child>=parent`."""
    return {UUID(int=int(child[1:])): UUID(int=parent) for child, parent in edges.items()}


def test_the_deepest_step_is_the_root_even_if_it_failed_last() -> None:
    shallow, deep = failed(1, 10, seconds=0), failed(2, 12, seconds=9)

    assert root([shallow, deep], tree(s12=11, s11=10)) == deep


def test_at_one_depth_the_earliest_is_the_root() -> None:
    late, early = failed(1, 10, seconds=5), failed(2, 11, seconds=4)

    assert root([late, early], {}) == early


def test_at_one_depth_and_time_the_smallest_id_is_the_root() -> None:
    assert root([failed(2, 10), failed(1, 11)], {}) == failed(1, 11)


def test_a_step_lies_deeper_than_the_run_as_a_whole() -> None:
    whole, step = failed(1, None, seconds=0), failed(2, 10, seconds=9)

    assert root([whole, step], {}) == step


def test_a_missing_parent_counts_and_ends_the_chain() -> None:
    nested, top = failed(1, 10, seconds=9), failed(2, 20, seconds=0)

    assert root([nested, top], tree(s10=99)) == nested


def test_steps_that_are_their_own_ancestors_end() -> None:
    cycle, deep = failed(1, 10), failed(2, 20, seconds=9)

    parents = tree(s10=11, s11=10, s20=21, s21=22)

    assert root([cycle, deep], parents) == deep
    assert root([failed(3, 30)], tree(s30=30)) == failed(3, 30)


def test_a_very_deep_tree_is_walked_without_recursion() -> None:
    parents = {UUID(int=n): UUID(int=n - 1) for n in range(1, 10_000)}
    candidates = [failed(n, n) for n in range(9_999)]

    assert root(candidates, parents) == failed(9_998, 9_998)


def depth(step: UUID | None, parents: dict[UUID, UUID]) -> int:
    """The definition, word for word: how many different steps the chain names."""
    named: set[UUID] = set()
    while step is not None and step not in named:
        named.add(step)
        step = parents.get(step)
    return len(named)


@given(
    st.dictionaries(st.integers(0, 8), st.integers(0, 12)),
    st.lists(st.tuples(st.integers(0, 9) | st.none(), st.integers(0, 2)), min_size=1, max_size=8),
)
def test_any_graph_gives_what_the_definition_says(edges: dict[int, int], where: list[tuple[int | None, int]]) -> None:
    """Trees, forests, cycles and missing parents, and any order of the candidates."""
    parents = {UUID(int=child): UUID(int=parent) for child, parent in edges.items()}
    candidates = [failed(number, step, seconds=seconds) for number, (step, seconds) in enumerate(where)]

    expected = min(candidates, key=lambda c: (-depth(c.step_id, parents), c.occur_time, c.failure_id))

    assert root(candidates, parents) == expected
    assert root(candidates[::-1], parents) == expected
