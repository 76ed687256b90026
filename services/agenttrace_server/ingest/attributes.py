"""Turns attributes into JSON; a refused one is left out whole."""

from __future__ import annotations

from collections.abc import Mapping

from agenttrace.v1 import run_pb2
from agenttrace_server import limits, scanning
from agenttrace_server.ingest import values
from agenttrace_server.ingest.values import Refusal

# Of keys and strings, which come again and again: how they begin a member, and how they are written.
_MAX_KNOWN = 20_000
_keys: dict[str, str] = {}
_content_keys: dict[str, str] = {}
_strings: dict[str, str] = {}
_random_strings: dict[str, str] = {}


def to_json(attributes: Mapping[str, run_pb2.AttributeValue], field: str, refused: list[Refusal]) -> str:
    """Return a JSON object with its members in the order of their keys, so that equal ones are spelt alike."""
    if len(attributes) > limits.ATTRIBUTES:
        raise Refusal("TOO_LONG", field)
    members = []
    for key in sorted(attributes):
        value = attributes[key]
        try:
            kind = value.WhichOneof("value")
            if kind == "string_value":
                name = _keys.get(key) or _learn_key(key, field, with_string=True)
                text = value.string_value
                members.append(name + (_strings.get(text) or _learn_string(text, field, key)))
                continue
            name = _keys.get(key) or _content_keys.get(key) or _learn_key(key, field)
            if kind == "int_value":
                members.append(f"{name}{value.int_value}")
            elif kind == "bool_value":
                members.append(name + ("true" if value.bool_value else "false"))
            elif kind == "double_value":
                members.append(name + values.double_json(value.double_value, field))
            else:
                refused.append(Refusal("REQUIRED", field))
        except Refusal as refusal:
            refused.append(refusal)
    return "{" + ", ".join(members) + "}"


def _learn_key(key: str, field: str, *, with_string: bool = False) -> str:
    """Check a key that is not known, and remember how it begins a member."""
    refusal = values.key_kind(key)
    if refusal and (refusal != "CONTENT_KEY" or with_string):
        raise Refusal(refusal, field)
    known = _content_keys if refusal else _keys
    if len(known) >= _MAX_KNOWN:
        known.clear()
    known[key] = member = f'"{key}": '
    return member


def _learn_string(text: str, field: str, key: str) -> str:
    """Check a string that is not known, and remember how it is written."""
    written = _random_strings.get(text)
    if written is None:
        values.required_token(text, field)
        if not scanning.looks_random(text):
            return _remember(text, _strings)
        written = _remember(text, _random_strings)
    # Whether such a string passes depends on its key: it is asked each time.
    if not scanning.may_look_random(key):
        raise Refusal("SENSITIVE_VALUE", field)
    return written


def _remember(text: str, known: dict[str, str]) -> str:
    if len(known) >= _MAX_KNOWN:
        known.clear()
    # A token holds no character that JSON escapes.
    known[text] = written = f'"{text}"'
    return written
