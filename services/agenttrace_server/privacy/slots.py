"""Every place of an upload that takes a string, told from the contract itself so that none is forgotten."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace.v1 import ingest_service_pb2 as pb

AGENT = "privacy-verify"
_OWN_PACKAGE = "agenttrace."

Put = Callable[[Any, str], None]


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a string. `items`: the list of the upload it is in; `put` puts a text there."""

    items: str
    path: str
    put: Put

    @property
    def name(self) -> str:
        """The slot as it is shown, such as `steps.tool.name`."""
        return f"{self.items}.{self.path}"

    def item_with(self, text: str, run_id: str) -> Message:
        """Return an item with nothing to refuse but the text. Raises UnicodeEncodeError for what is no Unicode."""
        item: Message = harmless_item(self.items, run_id)
        self.put(item, text)
        return item


def all_slots() -> list[Slot]:
    """Return the slots of everything that is uploaded."""
    return [Slot(items, path, put) for items, kind in _lists() for path, put in _places(kind, "")]


def all_messages() -> list[tuple[str, Callable[[Any], Message]]]:
    """Return every message within an upload by its path, with what reaches it in its item."""
    return [found for items, kind in _lists() for found in _messages(kind, items)]


def _lists() -> list[tuple[str, Any]]:
    """The lists of an upload by name, with the type of their items."""
    fields = pb.UploadStepsRequest.DESCRIPTOR.fields
    return [(field.name, field.message_type) for field in fields if field.message_type is not None]


def harmless_item(items: str, run_id: str) -> Any:
    """Return a run, step or failure that a deployment accepts. UUIDs are fresh, but for the run's."""
    now = Timestamp()
    now.GetCurrentTime()
    own = str(uuid.uuid4())
    if items == "runs":
        running = run_pb2.RUN_STATUS_RUNNING
        return run_pb2.Run(run_id=own, agent_id=AGENT, status=running, start_time=now)
    if items == "steps":
        ok, tool = step_pb2.STEP_STATUS_OK, step_pb2.STEP_TYPE_TOOL
        return step_pb2.Step(run_id=run_id, step_id=own, name=AGENT, type=tool, status=ok, start_time=now, end_time=now)
    kind = failure_pb2.FAILURE_TYPE_TOOL
    return failure_pb2.Failure(run_id=run_id, failure_id=own, type=kind, code=AGENT, occur_time=now)


def _places(message: Descriptor, prefix: str) -> Iterator[tuple[str, Put]]:
    """The paths of the strings within a message, each with what puts a text there."""
    for field in message.fields:
        path, kind = prefix + field.name, field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            yield from _map_places(field.name, kind, path)
        elif kind is not None and kind.full_name.startswith(_OWN_PACKAGE):
            for inner, put in _places(kind, f"{path}."):
                yield inner, _within(field, put)
        elif field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            yield path, _setter(field)


def _map_places(name: str, entry: Descriptor, path: str) -> Iterator[tuple[str, Put]]:
    """A map's key, and the strings in its value, which is a message with a scalar, as attributes are."""
    yield f"{path}.key", lambda message, text: setattr(getattr(message, name)[text], "int_value", 1)
    value = entry.fields_by_name["value"].message_type
    assert value is not None
    for inner, put in _places(value, f"{path}.value."):
        yield inner, lambda message, text, put=put: put(getattr(message, name)["region"], text)  # type: ignore[misc]


def _within(field: FieldDescriptor, put: Put) -> Put:
    if field.is_repeated:
        return lambda message, text: put(getattr(message, field.name).add(), text)
    return lambda message, text: put(getattr(message, field.name), text)


def _setter(field: FieldDescriptor) -> Put:
    if field.is_repeated:
        return lambda message, text: getattr(message, field.name).append(text)
    return lambda message, text: setattr(message, field.name, text)


def _messages(message: Descriptor, path: str) -> Iterator[tuple[str, Callable[[Any], Message]]]:
    """The messages within a message, itself among them, each with what reaches it."""
    yield path, lambda item: item
    for field in message.fields:
        kind, name = field.message_type, field.name
        if kind is not None and kind.GetOptions().map_entry:
            yield f"{path}.{name}.value", lambda item, name=name: getattr(item, name)["region"]  # type: ignore[misc]
        elif kind is not None and not field.is_repeated and kind.full_name.startswith(_OWN_PACKAGE):
            for deeper, reach in _messages(kind, f"{path}.{name}"):
                yield deeper, lambda item, name=name, reach=reach: reach(getattr(item, name))  # type: ignore[misc]
