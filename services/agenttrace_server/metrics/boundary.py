"""The closed sets of labels of what is refused at the boundary."""

from __future__ import annotations

from typing import Final

AUTH_FAILURES: Final = ("missing", "malformed", "unknown", "wrong_secret", "expired", "revoked", "scope")
RATE_LIMITS: Final = ("items", "bytes", "streams")
