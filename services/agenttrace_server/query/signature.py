"""Signs what a client keeps for us: opaque, versioned, and refused when a single bit of it differs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence

# Stands in every token: a release that packs other values counts on.
_VERSION = b"\x01"
_MAC_BYTES = hashlib.sha256().digest_size
# Far above any token of ours: nothing longer is worth decoding.
_MAX_CHARS = 2048

Value = int | str | None


class Signer:
    """Packs values into text that only these keys can have made, for one purpose.

    The first key signs; those behind it were the first before, and what they signed still counts.
    """

    def __init__(self, *keys: bytes) -> None:
        self._keys = keys

    def pack(self, purpose: bytes, values: Sequence[Value]) -> str:
        """Return the values as text for URLs."""
        payload = json.dumps(values, separators=(",", ":")).encode()
        return (
            base64.urlsafe_b64encode(_VERSION + _mac(self._keys[0], purpose, payload) + payload).rstrip(b"=").decode()
        )

    def unpack(self, purpose: bytes, text: str) -> list[Value]:
        """Return the values; ValueError unless `pack` made exactly this text for this purpose."""
        raw = _decode(text)
        version, mac, payload = raw[:1], raw[1 : 1 + _MAC_BYTES], raw[1 + _MAC_BYTES :]
        if version != _VERSION or not any(hmac.compare_digest(mac, _mac(key, purpose, payload)) for key in self._keys):
            raise ValueError
        values: list[Value] = json.loads(payload)
        return values


def _mac(key: bytes, purpose: bytes, payload: bytes) -> bytes:
    # The purpose is hashed to a fixed length: no purpose and payload can stand for another pair.
    return hmac.digest(key, _VERSION + hashlib.sha256(purpose).digest() + payload, hashlib.sha256)


def _decode(text: str) -> bytes:
    if len(text) > _MAX_CHARS or not text.isascii():
        raise ValueError
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError from None
    # The last character may carry bits that decoding drops.
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise ValueError
    return raw
