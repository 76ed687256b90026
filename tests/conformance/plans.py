"""Makes the plan of one language from plan.json: its own ids, times of today, and the bytes of every message."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from agenttrace.v1 import failure_pb2, ingest_service_pb2, query_service_pb2, run_pb2, step_pb2
from items import BEGIN

Json = Any
HERE = Path(__file__).parent
LIMITS = HERE.parents[1] / "proto/agenttrace/v1/limits.json"
GOLDEN = HERE.parent / "contract" / "golden"
_MODULES = (failure_pb2, ingest_service_pb2, query_service_pb2, run_pb2, step_pb2)
_HOLE = re.compile(r"\$\{(id|at|scope)(?::([^}]*))?\}")


class Plan:
    """The plan of one language. `scope` is a token that is in no other: agents and sessions are named for it."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        source = json.loads((HERE / "plan.json").read_text())
        filled: Json = _map(partial(self._fill, limits=_limits()), _expand(source))
        filled["cases"] += _released()
        self.stored: list[dict[str, Any]] = filled.pop("stored")
        self.document: dict[str, Any] = _with_bytes(filled)

    def id(self, name: str) -> str:
        """Return the id that a name stands for in this plan."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.scope}/{name}"))

    def _fill(self, text: str, limits: dict[str, Json]) -> Json:
        if text in limits:
            return limits[text]
        return _HOLE.sub(lambda hole: self._value(*hole.groups()), text)

    def _value(self, kind: str, argument: str) -> str:
        if kind == "at":
            return (BEGIN + timedelta(seconds=float(argument))).isoformat().replace("+00:00", "Z")
        return self.id(argument) if kind == "id" else self.scope


def message_class(name: str) -> type[Message]:
    """Return the class of a message by its full name."""
    short = name.rpartition(".")[2]
    found: type[Message] = next(getattr(module, short) for module in _MODULES if hasattr(module, short))
    return found


def _limits() -> dict[str, Json]:
    """What limits.json says, under the names by which the plan refers to it."""
    table = json.loads(LIMITS.read_text())
    examples, matches = [], []
    for form, entry in table["patterns"].items():
        for text, is_one in [(t, True) for t in entry["accepts"]] + [(t, False) for t in entry["refuses"]]:
            examples.append({"form": form, "text": text})
            matches.append(is_one)
    limits = {name: entry["value"] for name, entry in table["limits"].items()}
    return {"$limits": limits, "$form_examples": examples, "$form_matches": matches}


def _released() -> list[Json]:
    """A case for every message that a release has written: what one wrote, each language reads for ever."""
    return [
        {
            "id": f"released/{file.stem}",
            "do": "decode",
            "about": "A message that a release has written. Its maps may be written again in any order.",
            "type": "agenttrace.v1.UploadStepsRequest",
            "bytes": base64.b64encode(file.read_bytes()).decode(),
            "expect": {"message": base64.b64encode(file.read_bytes()).decode()},
        }
        for file in sorted(GOLDEN.glob("*.binpb"))
    ]


def _expand(value: Json) -> Json:
    """Write out `{"$each": count, "of": item}`: ${n} is 0, 1 and so on; with `down`, `from`, `from` - 1 and so on."""
    if isinstance(value, dict):
        return {key: _expand(held) for key, held in value.items()}
    if isinstance(value, list):
        return [made for item in value for made in (_each(item) if _is_each(item) else [_expand(item)])]
    return value


def _is_each(item: Json) -> bool:
    return isinstance(item, dict) and "$each" in item


def _each(item: Json) -> list[Json]:
    sign = -1 if item.get("down") else 1
    numbers = [item.get("from", 0) + sign * number for number in range(item["$each"])]
    return [_map(lambda text, n=n: text.replace("${n}", str(n)), item["of"]) for n in numbers]  # type: ignore[misc]


def _map(change: Callable[[str], Json], value: Json) -> Json:
    """Return a document with its strings changed."""
    if isinstance(value, dict):
        return {key: _map(change, held) for key, held in value.items()}
    if isinstance(value, list):
        return [_map(change, held) for held in value]
    return change(value) if isinstance(value, str) else value


def _with_bytes(value: Json) -> Json:
    """Put beside the JSON of every message its bytes, for languages without ProtoJSON."""
    if isinstance(value, list):
        return [_with_bytes(held) for held in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"type", "json"}:
        message = json_format.ParseDict(value["json"], message_class(value["type"])())
        return value | {"bytes": base64.b64encode(message.SerializeToString(deterministic=True)).decode()}
    return {key: _with_bytes(held) for key, held in value.items()}
