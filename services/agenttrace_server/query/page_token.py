"""Page tokens: where a listing goes on, for the same project, call and filter."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from agenttrace_server.errors import InvalidPageToken
from agenttrace_server.query.signature import Signer, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
PositionT = TypeVar("PositionT", bound=NamedTuple)


class Listing(NamedTuple):
    """What a token belongs to. `selection`: the bytes that say what is listed."""

    project_id: int
    call: str
    selection: bytes

    def digest(self) -> bytes:
        """Return what the token is bound to."""
        return f"page:{self.project_id}:{self.call}:".encode() + hashlib.sha256(self.selection).digest()


class PageTokens:
    """Turns positions into tokens and back. `keys`: the one that signs, and the one before it while it is replaced."""

    def __init__(self, *keys: bytes) -> None:
        self._signer = Signer(*keys)

    def encode(self, listing: Listing, position: tuple[Any, ...] | None) -> str:
        """Return the token of a position, the empty one at the end of the listing."""
        return self._signer.pack(listing.digest(), [_pack(value) for value in position]) if position else ""

    def decode(self, listing: Listing, token: str, position: Callable[..., PositionT]) -> PositionT | None:
        """Return the position of a token, None for the empty one; raise InvalidPageToken for anything not ours."""
        if not token:
            return None
        try:
            values = self._signer.unpack(listing.digest(), token)
            return position(*map(_unpack, values))
        except (ValueError, TypeError):
            raise InvalidPageToken from None


def _pack(value: Any) -> Value:
    """A time as "t" and microseconds since 1970, an id as "u" and its digits, numbers as they are."""
    if isinstance(value, datetime):
        return f"t{(value - _EPOCH) // _MICROSECOND}"
    return f"u{value.hex}" if isinstance(value, UUID) else value


def _unpack(value: Value) -> Any:
    if not isinstance(value, str):
        return value
    return _EPOCH + int(value[1:]) * _MICROSECOND if value[0] == "t" else UUID(value[1:])
