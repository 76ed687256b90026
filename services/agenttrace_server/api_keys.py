"""The form of API keys, and how they are kept: as HMAC-SHA256 under a pepper that the database never sees.

at_<key id>_<secret>        12 of [a-z0-9], then 43 of [0-9A-Za-z]: 256 bits
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from typing import NamedTuple

from agenttrace_server.errors import StartupError

SCOPES = ("ingest", "query", "admin")
_KEY = re.compile(r"at_([a-z0-9]{12})_[0-9A-Za-z]{43}", re.ASCII)
_KEY_ID = re.compile(r"[a-z0-9]{12}", re.ASCII)
_ID_LETTERS = string.ascii_lowercase + string.digits
_SECRET_LETTERS = string.digits + string.ascii_letters
# What `openssl rand -hex 16` gives: fewer characters are a word, and words are guessed.
_MIN_PEPPER_CHARS = 32


class ApiKey(NamedTuple):
    """A key as it is shown once."""

    key_id: str
    text: str


class HashedKey(NamedTuple):
    """A key as it is kept."""

    pepper_id: str
    secret_hash: bytes


def new_key() -> ApiKey:
    """Return a key that nobody has."""
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(12))
    return ApiKey(key_id, f"at_{key_id}_" + "".join(secrets.choice(_SECRET_LETTERS) for _ in range(43)))


def key_id_of(text: str) -> str | None:
    """Return the id within a key, None for what has not the form of one."""
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def is_key_id(text: str) -> bool:
    """Whether a text has the form of a key's id."""
    return _KEY_ID.fullmatch(text) is not None


class Peppers:
    """The pepper that new keys are hashed under, and the one before it, under which older keys still are.

    Raises StartupError for a pepper that could be guessed.
    """

    def __init__(self, current: str, previous: str = "") -> None:
        peppers = [pepper.encode() for pepper in (current, previous) if pepper]
        if any(len(pepper) < _MIN_PEPPER_CHARS for pepper in peppers):
            raise StartupError(f"a key pepper has {_MIN_PEPPER_CHARS} characters at least: `openssl rand -hex 32`")
        self._by_id = {_pepper_id(pepper): pepper for pepper in peppers}

    @property
    def ids(self) -> tuple[str, ...]:
        """What the peppers are known by, the current one first; it tells nothing about them."""
        return tuple(self._by_id)

    def hashed(self, key: str) -> HashedKey:
        """Return a key as it is to be kept."""
        pepper_id = self.ids[0]
        return HashedKey(pepper_id, _hash(self._by_id[pepper_id], key))

    def match(self, key: str, kept: HashedKey) -> bool:
        """Whether a key is the one that was kept. Takes the same time wherever they differ."""
        pepper = self._by_id.get(kept.pepper_id)
        return pepper is not None and hmac.compare_digest(_hash(pepper, key), kept.secret_hash)


def _pepper_id(pepper: bytes) -> str:
    # No key hashes to this: keys begin with "at_".
    return _hash(pepper, "pepper id").hex()[:8]


def _hash(pepper: bytes, text: str) -> bytes:
    return hmac.digest(pepper, text.encode(), hashlib.sha256)
