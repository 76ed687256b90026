"""The messages of one run: its start, its heartbeats and its end."""

from collections.abc import Mapping

from agenttrace import limits
from agenttrace.convert import attribute_value, set_attribute
from agenttrace.forms import Attribute
from agenttrace.times import timestamp
from agenttrace.v1 import run_pb2


class RunMessages:
    """Makes the messages of one run from what was told when it was opened.

    Every message carries the start and the same facts, so that any of them may arrive first or alone.
    """

    def __init__(self, base: run_pb2.Run) -> None:
        self._base = base
        base.status = run_pb2.RUN_STATUS_RUNNING

    def start(self, start_ns: int) -> run_pb2.Run:
        """Return the message of the start; the first to be asked for."""
        self._base.start_time.CopyFrom(timestamp(start_ns))
        return self._copy()

    def heartbeat(self, now_ns: int) -> run_pb2.Run:
        """Return the message that says that the run is alive."""
        message = self._copy()
        message.heartbeat_time.CopyFrom(timestamp(now_ns))
        return message

    def end(
        self, status: run_pb2.RunStatus, end_ns: int, step_count: int, attributes: Mapping[str, Attribute]
    ) -> run_pb2.Run:
        """Return the message of the end, with the attributes that were told since the start."""
        message = self._copy()
        message.status = status
        message.end_time.CopyFrom(timestamp(end_ns))
        message.expected_step_count = min(step_count, limits.STEPS_PER_RUN)
        for key, value in attributes.items():
            set_attribute(message.attributes[key], value)
        return message

    def told_otherwise(self, key: str, value: Attribute) -> bool:
        """Whether the start told another value under the key: a key of a run admits one value."""
        return key in self._base.attributes and self._base.attributes[key] != attribute_value(value)

    def _copy(self) -> run_pb2.Run:
        message = run_pb2.Run()
        message.CopyFrom(self._base)
        return message
