"""Finds the failure at the root of a run: a pure function of the candidates and the tree of steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID


class Candidate(Protocol):
    """A failure that was not recovered and that no other stored failure caused."""

    @property
    def failure_id(self) -> UUID:
        """Its id."""

    @property
    def step_id(self) -> UUID | None:
        """The step that failed, None for a failure of the run as a whole."""

    @property
    def occur_time(self) -> datetime:
        """When it occurred."""


CandidateT = TypeVar("CandidateT", bound=Candidate)


def root(candidates: Iterable[CandidateT], parents: Mapping[UUID, UUID]) -> CandidateT:
    """Return the candidate deepest in the tree of the run's steps, then earliest, then with the smallest id.

    `parents`: the parent of each stored step that has one.
    """
    depths: dict[UUID, int] = {}
    return min(candidates, key=lambda c: (-_depth(c.step_id, parents, depths), c.occur_time, c.failure_id))


def _depth(step_id: UUID | None, parents: Mapping[UUID, UUID], depths: dict[UUID, int]) -> int:
    """How many different steps the chain of parents names, the step included; 0 for the run as a whole.

    A parent that is not stored is named and ends the chain; a chain that comes back to itself ends there.
    `depths` remembers, so that a run of 10,000 nested steps is walked once.
    """
    if step_id is None:
        return 0
    path: dict[UUID, int] = {}
    end: UUID | None = step_id
    while end is not None and end not in depths and end not in path:
        path[end] = len(path)
        end = parents.get(end)
    known = 0 if end is None else depths.get(end, 0)
    # All steps of a cycle have its length.
    cycle_start = len(path) if end is None else path.get(end, len(path))
    depths.update({step: known + len(path) - min(place, cycle_start) for step, place in path.items()})
    return depths[step_id]
