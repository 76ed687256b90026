"""Makes runs, steps and failures for tests: valid ones, of which a test changes what it is about."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace.v1 import failure_pb2, ingest_service_pb2, run_pb2, step_pb2

# Far enough from now that nothing is in the future, near enough that nothing is too old.
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
RUNNING, SUCCESS, FAILURE = run_pb2.RUN_STATUS_RUNNING, run_pb2.RUN_STATUS_SUCCESS, run_pb2.RUN_STATUS_FAILURE


def new_id() -> str:
    return str(uuid.uuid4())


def at(seconds: float) -> Timestamp:
    """The time so many seconds after BEGIN."""
    moment = Timestamp()
    moment.FromDatetime(BEGIN + timedelta(seconds=seconds))
    return moment


def run(run_id: str, **fields: Any) -> run_pb2.Run:
    return run_pb2.Run(**{"run_id": run_id, "agent_id": "support", "status": RUNNING, "start_time": at(0), **fields})


def ended(run_id: str, **fields: Any) -> run_pb2.Run:
    return run(run_id, **{"status": SUCCESS, "end_time": at(60), **fields})


def step(run_id: str, **fields: Any) -> step_pb2.Step:
    given = {"step_id": new_id(), "type": step_pb2.STEP_TYPE_TOOL, "name": "lookup", "status": step_pb2.STEP_STATUS_OK}
    return step_pb2.Step(**{"run_id": run_id, "start_time": at(1), "end_time": at(2), **given, **fields})


def failure(run_id: str, **fields: Any) -> failure_pb2.Failure:
    given = {"failure_id": new_id(), "type": failure_pb2.FAILURE_TYPE_TOOL, "code": "timeout", "occur_time": at(2)}
    return failure_pb2.Failure(**{"run_id": run_id, **given, **fields})


def upload(**lists: Any) -> ingest_service_pb2.UploadStepsRequest:
    return ingest_service_pb2.UploadStepsRequest(**lists)


def batch(**lists: Any) -> ingest_service_pb2.RecordBatchRequest:
    return ingest_service_pb2.RecordBatchRequest(**lists)
