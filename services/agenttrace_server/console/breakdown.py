"""Failures of a period, counted by what they have in common: code, type, agent, version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from agenttrace.showing.wording import failure_type_word, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from google.protobuf.timestamp_pb2 import Timestamp

    from agenttrace.v1.query_service_pb2 import FailureStats


class Choice(NamedTuple):
    """Which failures are wanted; empty: all."""

    type: str = ""
    code: str = ""

    def takes(self, told: FailureStats) -> bool:
        """Whether a count is of such failures."""
        return self.type in {"", failure_type_word(told.type)} and self.code in {"", told.code}


@dataclass(slots=True)
class Count:
    """Failures that have something in common.

    Attributes:
        key: What they have in common.
        failures: How many there are.
        recovered: How many of them a later attempt made good.
        runs: How many runs have such a failure; a run with two kinds of them counts twice.
        agents: Whose they are.
        first: When the first occurred.
        last: When the last occurred.
    """

    key: tuple[str, ...]
    failures: int = 0
    recovered: int = 0
    runs: int = 0
    agents: set[str] = field(default_factory=set)
    first: Timestamp | None = None
    last: Timestamp | None = None

    @property
    def recovered_share(self) -> float:
        """The share of them that was made good, from 0 to 1."""
        return self.recovered / self.failures if self.failures else 0.0

    def add(self, told: FailureStats) -> None:
        """Count some more."""
        self.failures += told.failure_count
        self.recovered += told.recovered_failure_count
        self.runs += told.run_count
        self.agents.add(told.agent_id)
        if self.first is None or seconds(told.first_occur_time) < seconds(self.first):
            self.first = told.first_occur_time
        if self.last is None or seconds(told.last_occur_time) > seconds(self.last):
            self.last = told.last_occur_time


def by_code(failures: Iterable[FailureStats]) -> list[Count]:
    """Count by type and code."""
    return _counted(failures, lambda told: (failure_type_word(told.type), told.code))


def by_type(failures: Iterable[FailureStats]) -> list[Count]:
    """Count by type."""
    return _counted(failures, lambda told: (failure_type_word(told.type),))


def by_agent(failures: Iterable[FailureStats]) -> list[Count]:
    """Count by agent."""
    return _counted(failures, lambda told: (told.agent_id,))


def by_version(failures: Iterable[FailureStats]) -> list[Count]:
    """Count by agent and version."""
    return _counted(failures, lambda told: (told.agent_id, told.agent_version))


def total(failures: Iterable[FailureStats]) -> Count:
    """Count all of them."""
    return next(iter(_counted(failures, lambda _: ())), Count(()))


def _counted(failures: Iterable[FailureStats], key: Callable[[FailureStats], tuple[str, ...]]) -> list[Count]:
    """Return a count for each key, the most failures first."""
    found: dict[Hashable, Count] = {}
    for told in failures:
        found.setdefault(key(told), Count(key(told))).add(told)
    return sorted(found.values(), key=lambda count: (-count.failures, count.key))
