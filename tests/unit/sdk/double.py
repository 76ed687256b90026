"""A double for the network: keeps what the exporter sends, and answers or fails as told."""

from __future__ import annotations

from collections.abc import Sequence

import agenttrace
from agenttrace import Exporter
from agenttrace.exporter import Bounds
from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace.v1 import ingest_service_pb2 as ingest
from unit.sdk.recording_server import receipt


class Double:
    """The `send` of an exporter."""

    def __init__(self, **bounds: float) -> None:
        self.streams: list[list[ingest.UploadStepsRequest]] = []
        self.answers: list[ingest.UploadStepsResponse | Exception] = []  # of each call in turn
        self.exporter = Exporter(self, bounds=Bounds(**{"delay_seconds": 0.02, **bounds}))

    def __call__(
        self, messages: Sequence[ingest.UploadStepsRequest], timeout_seconds: float
    ) -> ingest.UploadStepsResponse:
        copies = [ingest.UploadStepsRequest.FromString(message.SerializeToString()) for message in messages]
        self.streams.append(copies)
        answer = self.answers.pop(0) if self.answers else receipt(copies)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def messages(self) -> list[ingest.UploadStepsRequest]:
        """Everything sent so far, after a flush."""
        self.exporter.flush(5)
        return [message for stream in self.streams for message in stream]

    @property
    def runs(self) -> list[run_pb2.Run]:
        return [run for message in self.messages for run in message.runs]

    @property
    def steps(self) -> list[step_pb2.Step]:
        return [step for message in self.messages for step in message.steps]

    @property
    def failures(self) -> list[failure_pb2.Failure]:
        return [failure for message in self.messages for failure in message.failures]

    @property
    def end(self) -> run_pb2.Run:
        """The message of the end of the last run."""
        return self.runs[-1]

    def step(self, name: str) -> step_pb2.Step:
        """The one step of this name."""
        (step,) = [step for step in self.steps if step.name == name]
        return step


def record(double: Double, steps: int = 1) -> agenttrace.Tracer:
    """Record a run; return the tracer, which has not been asked to flush."""
    tracer = agenttrace.Tracer("support", exporter=double.exporter)
    with tracer.run() as run:
        for number in range(steps):
            with run.step("tool", f"step-{number}"):
                pass
    return tracer
