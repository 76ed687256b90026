"""Sessions: the visitor's API key, encrypted and signed, in a cookie that no script can read.

The console keeps nothing of it, so any replica with the same secret can serve the next request. A key that
is revoked ends its sessions: each page is read with it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from starlette.responses import Response

COOKIE = "agenttrace_session"
_LIFETIME_SECONDS = 12 * 3600


class Sessions:
    """Writes and reads the cookie. The first secret is that of new sessions, the others are read as well."""

    def __init__(self, *secrets: str) -> None:
        self._cipher = MultiFernet([Fernet(_cipher_key(secret)) for secret in secrets])

    def key(self, cookies: Mapping[str, str]) -> str:
        """Return the key of a session; empty where there is none, or one that is over or not ours."""
        try:
            return self._cipher.decrypt(cookies.get(COOKIE, ""), ttl=_LIFETIME_SECONDS).decode()
        except InvalidToken:
            return ""

    def begin(self, response: Response, key: str, *, secure: bool) -> None:
        """Put a session into the answer. `secure`: only over TLS."""
        # Lax, not strict: a link in an alert must open its page. What changes anything is a POST, and these
        # check where they come from.
        response.set_cookie(
            COOKIE,
            self._cipher.encrypt(key.encode()).decode(),
            max_age=_LIFETIME_SECONDS,
            httponly=True,
            samesite="lax",
            secure=secure,
        )

    def end(self, response: Response) -> None:
        """Take the session away."""
        response.delete_cookie(COOKIE, httponly=True, samesite="lax")


def _cipher_key(secret: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"agenttrace console session\0" + secret.encode()).digest())
