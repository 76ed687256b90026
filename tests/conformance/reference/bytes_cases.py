"""Cases without a service: messages, limits and forms of strings."""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from agenttrace import limits
from agenttrace.v1 import query_service_pb2 as query
from conformance.plans import message_class
from conformance.reference.services import Services

Case = dict[str, Any]
FORMS = {name.lower(): getattr(limits, name) for name in ("TOKEN", "UUID", "USER_KEY", "OPAQUE_ID", "ATTRIBUTE_KEY")}


def encode(case: Case, _: Services) -> dict[str, Any]:
    """Make the message that the JSON describes and write it."""
    message = json_format.ParseDict(case["message"]["json"], message_class(case["message"]["type"])())
    return {"bytes": written(message)}


def decode(case: Case, _: Services) -> dict[str, Any]:
    """Read a message and write it again."""
    again = written(message_class(case["type"]).FromString(base64.b64decode(case["bytes"])))
    return dict.fromkeys(case["expect"], again)


def decode_runs(case: Case, _: Services) -> dict[str, Any]:
    """Read an answer that has what this version does not know."""
    answer = query.ListRunsResponse.FromString(base64.b64decode(case["bytes"]))
    runs = [
        {
            "run_id": summary.run.run_id,
            "status": summary.run.status,
            "step_count": summary.step_count,
            "failure_types": list(summary.failure_types),
        }
        for summary in answer.runs
    ]
    return {"next_page_token": answer.next_page_token, "runs": runs}


def refuse(case: Case, _: Services) -> dict[str, Any]:
    """Read what is no message."""
    try:
        message_class(case["type"]).FromString(base64.b64decode(case["bytes"]))
    except DecodeError:
        return {"refused": True}
    return {"refused": False}


def constants(_: Case, __: Services) -> dict[str, Any]:
    """Tell the generated limits."""
    numbers = {name.lower(): value for name, value in vars(limits).items() if isinstance(value, int)}
    return {"limits": numbers}


def forms(case: Case, _: Services) -> dict[str, Any]:
    """Try the generated forms of strings."""
    return {"matches": [bool(FORMS[example["form"]].fullmatch(example["text"])) for example in case["examples"]]}


def written(message: Any) -> str:
    """Return the bytes of a message in base64."""
    return base64.b64encode(message.SerializeToString(deterministic=True)).decode()


CASES = {
    "encode": encode, "decode": decode, "decode_runs": decode_runs, "refuse": refuse, "limits": constants,
    "forms": forms,
}  # fmt: skip
