"""The filters of ListRuns with values that stored_data.sql has."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from agenttrace.v1 import failure_pb2, run_pb2
from agenttrace.v1.query_service_pb2 import RunFilter
from benchmarks import stored_data

HOUR = 3600.0
RANGES: Mapping[str, float] = {"1 h": HOUR, "24 h": 24 * HOUR, "30 d": 30 * 24 * HOUR}
_FAILURE_TYPES = (
    failure_pb2.FAILURE_TYPE_TOOL,
    failure_pb2.FAILURE_TYPE_MODEL,
    failure_pb2.FAILURE_TYPE_RETRIEVAL,
    failure_pb2.FAILURE_TYPE_ORCHESTRATION,
)


class Filter(NamedTuple):
    """A filter; `indexed`: the contract promises that it is fast. `of`: call number n's."""

    name: str
    indexed: bool
    of: Callable[[int], RunFilter]


def _since(seconds: float, run_filter: RunFilter | None = None) -> RunFilter:
    run_filter = run_filter or RunFilter()
    run_filter.start_time_range.start_time.FromMicroseconds(int((time.time() - seconds) * 1e6))
    return run_filter


def _at_least(seconds: int) -> RunFilter:
    run_filter = RunFilter()
    run_filter.min_duration.FromSeconds(seconds)
    return run_filter


def _attributes(tenant: int) -> RunFilter:
    return RunFilter(attributes={"tenant": run_pb2.AttributeValue(int_value=tenant)})


FILTERS = (
    Filter("no filter", True, lambda _: RunFilter()),
    Filter("agent", True, lambda n: RunFilter(agent_ids=[f"agent-{n % 20}"])),
    Filter("rare agent", True, lambda _: RunFilter(agent_ids=["rare"])),
    Filter("three agents", True, lambda n: RunFilter(agent_ids=[f"agent-{(n + i) % 20}" for i in range(3)])),
    Filter("unknown agent", True, lambda n: RunFilter(agent_ids=[f"nobody-{n}"])),
    Filter("environment", True, lambda n: RunFilter(environments=["staging" if n % 2 else "production"])),
    Filter("status FAILURE", True, lambda _: RunFilter(statuses=[run_pb2.RUN_STATUS_FAILURE])),
    Filter("status RUNNING", True, lambda _: RunFilter(statuses=[run_pb2.RUN_STATUS_RUNNING])),
    Filter("session", True, lambda n: RunFilter(session_id=f"session-{n}")),
    Filter("failure type", True, lambda n: RunFilter(failure_types=[_FAILURE_TYPES[n % 4]])),
    Filter("last hour", True, lambda _: _since(HOUR)),
    Filter(
        "agent and FAILURE, 24 h",
        True,
        lambda n: _since(24 * HOUR, RunFilter(agent_ids=[f"agent-{n % 20}"], statuses=[run_pb2.RUN_STATUS_FAILURE])),
    ),
    Filter("agent version", False, lambda n: RunFilter(agent_versions=[f"1.{n % 5}.0"])),
    Filter("failure code", False, lambda _: RunFilter(failure_codes=["rate_limited"])),
    Filter("tag", False, lambda _: RunFilter(tags=["canary"])),
    Filter("attribute", False, _attributes),
    Filter("min duration", False, lambda n: _at_least(60 + n % 30)),
    Filter("has retries", False, lambda _: RunFilter(has_retries=True)),
    Filter("incomplete", False, lambda _: RunFilter(incomplete=True)),
    Filter("user", False, lambda n: RunFilter(user_key=stored_data.user_key(n))),
    Filter("unknown tag: empty chunk", False, lambda _: RunFilter(tags=["nowhere"])),
)
