"""What may be recorded: tokens, counts and attributes, told from the table in limits.json."""

import math

from agenttrace import limits, scanning

Attribute = str | int | float | bool

_CACHE_SIZE = 4096
_INT64 = 2**63
_tokens: set[str] = set()
_random_tokens: set[str] = set()
_string_keys: dict[str, bool] = {}


def is_token(value: object) -> bool:
    """Whether the value is a token that is not secret or personal by its shape; fast for one seen before."""
    if not isinstance(value, str):
        return False
    return value in _tokens or value in _random_tokens or _learn_token(value)


def _learn_token(value: str) -> bool:
    """Check what is not known. What looks random is remembered apart, for attributes refuse it."""
    if not limits.TOKEN.fullmatch(value) or scanning.is_sensitive(value):
        return False
    known = _random_tokens if scanning.looks_random(value) else _tokens
    if len(known) >= _CACHE_SIZE:
        known.clear()
    known.add(value)
    return True


def _is_string_value(value: str, key: str) -> bool:
    """Whether a token may stand under an attribute's key: what looks random only where the key says so."""
    return value in _tokens or (is_token(value) and (value in _tokens or scanning.may_look_random(key)))


def is_count(value: object) -> bool:
    """Whether the value is a whole number from 0 to 2^53 - 1."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limits.COUNT_MAX


def is_attribute(key: str, value: object) -> bool:
    """Whether the value may be stored under the key."""
    takes_strings = _string_keys.get(key)
    if takes_strings is None:
        takes_strings = _learn_key(key)
        if takes_strings is None:
            return False
    if isinstance(value, str):
        return takes_strings and _is_string_value(value, key)
    if isinstance(value, int):
        return -_INT64 <= value < _INT64
    return isinstance(value, float) and math.isfinite(value)


def _learn_key(key: object) -> bool | None:
    """Whether a key takes strings; None for what is no key."""
    if not isinstance(key, str) or not limits.ATTRIBUTE_KEY.fullmatch(key) or scanning.is_sensitive(key):
        return None
    takes_strings = not limits.is_content_key(key)
    if len(_string_keys) < _CACHE_SIZE:
        _string_keys[key] = takes_strings
    return takes_strings
