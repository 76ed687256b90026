"""Tombstones of what was erased: HMAC-SHA256 of an id under a key that the database never sees.

Without the key a tombstone tells nothing, and no guess can be tested against it.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator
from typing import NamedTuple

from agenttrace_server.errors import StartupError

# What `openssl rand -hex 16` gives: fewer characters are a word, and words are guessed.
_MIN_KEY_CHARS = 32
_pack_project = struct.Struct(">i").pack


class Tombstone(NamedTuple):
    """The tombstone of an id, and which key it was made under."""

    key_id: str
    digest: bytes


class ErasureKeys:
    """The key that new tombstones are made under, and the one before it, under which older ones still are.

    Without a key there is nothing to compare with: then `ids` is empty. Raises StartupError for a key that could be
    guessed.
    """

    def __init__(self, current: str = "", previous: str = "") -> None:
        keys = [key.encode() for key in (current, previous) if key]
        if any(len(key) < _MIN_KEY_CHARS for key in keys):
            raise StartupError(f"an erasure key has {_MIN_KEY_CHARS} characters at least: `openssl rand -hex 32`")
        self._by_id = {_key_id(key): key for key in keys}

    @property
    def ids(self) -> tuple[str, ...]:
        """What the keys are known by, the current one first; it tells nothing about them."""
        return tuple(self._by_id)

    def tombstones(self, project_id: int, field: str, value: bytes) -> Iterator[Tombstone]:
        """Yield the tombstones of an id under each key, the current one first.

        `field`: what the id is ("run_id", "session_id" or "user_key"); `value`: its column as for COPY BINARY.
        """
        about = _pack_project(project_id) + field.encode() + b"\0" + value
        for key_id, key in self._by_id.items():
            yield Tombstone(key_id, hmac.digest(key, about, hashlib.sha256))


def _key_id(key: bytes) -> str:
    # Nothing has this as a tombstone: those begin with a project, a number above zero.
    return hmac.digest(key, b"\0\0\0\0key id", hashlib.sha256).hex()[:8]
