"""Resume tokens: where a watch goes on, for the same project, as long as the changes are kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import cast

from agenttrace_server.errors import InvalidResumeToken, ResumeTokenExpired
from agenttrace_server.query.signature import Signer
from agenttrace_server.read_records import ChangePosition


class ResumeTokens:
    """Turns positions in the stream of changes into tokens and back.

    `keep`: how old a position may be. Changes must be kept longer, by the time that a transaction may take.
    """

    def __init__(self, *keys: bytes, keep: timedelta, clock: Callable[[], float] = time.time) -> None:
        self._signer = Signer(*keys)
        self._keep_seconds = keep.total_seconds()
        self._clock = clock

    def encode(self, project_id: int, position: ChangePosition) -> str:
        """Return the token of a position."""
        return self._signer.pack(_purpose(project_id), position)

    def decode(self, project_id: int, token: str) -> ChangePosition | None:
        """Return the position of a token, None for the empty one.

        Raises InvalidResumeToken for anything not ours, and ResumeTokenExpired.
        """
        if not token:
            return None
        try:
            position = ChangePosition(*cast("list[int]", self._signer.unpack(_purpose(project_id), token)))
        except (ValueError, TypeError):
            raise InvalidResumeToken from None
        if self._clock() - position.time > self._keep_seconds:
            raise ResumeTokenExpired
        return position


def _purpose(project_id: int) -> bytes:
    return f"resume:{project_id}".encode()
