"""Ids of runs, steps and failures, and the keyed hash of a user."""

import hashlib
import hmac
import os
import time

from agenttrace import limits
from agenttrace.errors import InvalidValueError

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM = ~(0xF << 76 | 0b11 << 62) & ((1 << 80) - 1)


def new_id() -> int:
    """Return a new UUIDv7 as a number: spelling it out is left to the thread that sends it."""
    random = int.from_bytes(os.urandom(10), "big")  # the system's dice need no care after a fork
    return (time.time_ns() // 1_000_000) << 80 | _VERSION_7 | _VARIANT | (random & _RANDOM)


def uuid_text(number: int) -> str:
    """Return the canonical UUID of a number; of 0, which stands for none, the empty string."""
    if not number:
        return ""
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def uuid_number(argument: str, uuid: str) -> int:
    """Return the number of a canonical UUID, or of an empty string 0; else raise InvalidValueError."""
    if not uuid:
        return 0
    if not limits.UUID.fullmatch(uuid):
        raise InvalidValueError(f"{argument} is no canonical UUID (8-4-4-4-12 lower-case hex digits)")
    return int(uuid.replace("-", ""), 16)


def user_key(user_id: str, secret: str | bytes) -> str:
    """Return the keyed hash by which a run names its user: HMAC-SHA256, 64 hex digits.

    The same user and secret give the same key, so that the runs of a user can be found and erased;
    without the secret nobody can find the user of a key. Keep the secret out of the telemetry's reach.
    """
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(key, user_id.encode(), hashlib.sha256).hexdigest()
