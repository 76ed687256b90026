"""A failure on its way to the exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.classify import class_name, grpc_status_of, http_status_of
from agenttrace.ids import new_id, uuid_number
from agenttrace.times import nanoseconds

if TYPE_CHECKING:
    from agenttrace.classify import Classifier
    from agenttrace.facts import FailureFacts
    from agenttrace.guard import Guard
    from agenttrace.v1.failure_pb2 import FailureType


class FailureRecord:
    """A failure of a step, or with step 0 of a run; ids and times are numbers, 0 for none."""

    __slots__ = (
        "caused_by",
        "code",
        "exception_type",
        "failure_type",
        "grpc_status",
        "http_status",
        "id",
        "occur_ns",
        "retryable",
        "run_id",
        "step_id",
    )

    def __init__(self, failure_type: FailureType, code: str) -> None:
        self.id = 0
        self.run_id = ""
        self.step_id = 0
        self.failure_type = failure_type
        self.code = code
        self.exception_type = ""
        self.http_status: int | None = None
        self.grpc_status: int | None = None
        self.retryable: bool | None = None
        self.caused_by = 0
        self.occur_ns = 0


def failure_of(error: BaseException, failure_type: FailureType, classifier: Classifier) -> FailureRecord:
    """Return the failure that an exception is: its code and class, never its text; see add_statuses."""
    failure = FailureRecord(failure_type, classifier.code(error))
    failure.id = new_id()
    failure.exception_type = class_name(type(error))
    return failure


def add_statuses(failure: FailureRecord, error: BaseException) -> None:
    """Give a failure the statuses that its exception carries, where none was told."""
    if failure.http_status is None:
        failure.http_status = http_status_of(error)
    if failure.grpc_status is None:
        failure.grpc_status = grpc_status_of(error)


def make_failure(failure_type: FailureType, code: str, facts: FailureFacts, guard: Guard) -> FailureRecord:
    """Return a failure with the facts that are of their kind.

    Raises:
        InvalidValueError: An id is no UUID, or the time has no zone.
    """
    failure = FailureRecord(failure_type, guard.name(code))
    failure.id = uuid_number("failure_id", facts.get("failure_id", "")) or new_id()
    failure.caused_by = uuid_number("caused_by_failure_id", facts.get("caused_by_failure_id", ""))
    failure.exception_type = guard.optional_name("exception_type", facts.get("exception_type", ""))
    failure.http_status = status_in(facts.get("http_status"), 100, 599)
    failure.grpc_status = status_in(facts.get("grpc_status"), 0, 16)
    failure.retryable = facts.get("retryable")
    if "occur_time" in facts:
        failure.occur_ns = nanoseconds("occur_time", facts["occur_time"])
    return failure


def status_in(status: object, lowest: int, highest: int) -> int | None:
    """Return a status if it is a whole number in its range, else None."""
    return status if isinstance(status, int) and lowest <= status <= highest else None


def is_http_status(status: object) -> bool:
    """Whether this is the status of an HTTP answer."""
    return status_in(status, 100, 599) is not None
