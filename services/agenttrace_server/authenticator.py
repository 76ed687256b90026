"""Tells who calls: from the key that a call sends to its project and scopes, remembered for a few seconds."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agenttrace_server.api_keys import SCOPES, HashedKey, Peppers, key_id_of
from agenttrace_server.errors import Overloaded, ScopeMissing, Unauthenticated
from agenttrace_server.metrics import Metrics
from agenttrace_server.records import DEFAULT_PROJECT_ID, StoredKey

# A stream is checked at its messages, and a watch has one every 15 s: a revocation takes 25 s at most.
LIFETIME_SECONDS = 10.0
_MAX_REMEMBERED = 10_000
# Guesses have few of the pool's connections, so that they can not keep the others waiting.
_STRANGERS_AT_ONCE = 3
_MAX_CHECKS = 1_000

FindKey = Callable[[str], Awaitable[StoredKey | None]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose call it is. `key_id`: empty where the call has no key and needs none."""

    key_id: str
    project_id: int
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a key until a time of the clock: its caller, or why it is refused."""

    until: float
    caller: Caller | None
    refusal: str = ""


NOBODY = Caller("", 0, frozenset())
_ANYBODY = Verdict(math.inf, Caller("", DEFAULT_PROJECT_ID, frozenset(SCOPES)))


class Authenticator:
    """Judges keys. `find`: looks a key up by its id; what it raises ends the call and is not remembered.

    Keys are remembered by their digest, so that memory holds none; those accepted apart from those refused, so that
    guesses do not push them out.
    """

    def __init__(
        self,
        find: FindKey,
        peppers: Peppers,
        metrics: Metrics,
        *,
        key_required: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._find = find
        self._peppers = peppers
        self._failures = metrics.auth_failures
        self._key_required = key_required
        self._accepted: dict[bytes, Verdict] = {}
        self._refused: dict[bytes, Verdict] = {}
        self._checks: dict[bytes, asyncio.Task[Verdict]] = {}
        self._strangers = asyncio.Semaphore(_STRANGERS_AT_ONCE)

    async def admit(self, key: str | None, scope: str) -> tuple[Caller, float]:
        """Return who calls with this key, and until when that holds; None: the call has none.

        Raises Unauthenticated, ScopeMissing, StoreUnavailable and Overloaded.
        """
        verdict = _ANYBODY if key is None and not self._key_required else await self._verdict(key)
        if verdict.caller is None:
            self._failures.labels(verdict.refusal).inc()
            # Who does not have the secret does not learn whether the id is one of ours.
            raise Unauthenticated("unknown" if verdict.refusal == "wrong_secret" else verdict.refusal)
        if scope not in verdict.caller.scopes:
            self._failures.labels("scope").inc()
            raise ScopeMissing(scope)
        return verdict.caller, verdict.until

    async def _verdict(self, key: str | None) -> Verdict:
        if key is None:
            return Verdict(0, None, "missing")
        digest = hashlib.sha256(key.encode()).digest()
        known = self._accepted.get(digest) or self._refused.get(digest)
        if known is not None and self.clock() < known.until:
            return known
        key_id = key_id_of(key)
        return Verdict(0, None, "malformed") if key_id is None else await self._checked(digest, key, key_id)

    async def _checked(self, digest: bytes, key: str, key_id: str) -> Verdict:
        """Check a key; all calls that come with it meanwhile wait for the same answer."""
        check = self._checks.get(digest)
        if check is None:
            if len(self._checks) >= _MAX_CHECKS:
                raise Overloaded
            check = self._checks[digest] = asyncio.create_task(self._check(digest, key, key_id))
            check.add_done_callback(lambda done: self._forget_check(digest, done))
        # A caller that goes must not take the others' answer along.
        return await asyncio.shield(check)

    def _forget_check(self, digest: bytes, check: asyncio.Task[Verdict]) -> None:
        del self._checks[digest]
        if not check.cancelled():
            check.exception()  # seen: every caller may have gone

    async def _check(self, digest: bytes, key: str, key_id: str) -> Verdict:
        began = self.clock()
        if digest in self._accepted:
            stored = await self._find(key_id)
        else:
            async with self._strangers:
                began = self.clock()
                stored = await self._find(key_id)
        verdict = self._judge(key, stored, began)
        self._accepted.pop(digest, None)
        self._refused.pop(digest, None)
        _remember(self._refused if verdict.caller is None else self._accepted, digest, verdict)
        return verdict

    def _judge(self, key: str, stored: StoredKey | None, now: float) -> Verdict:
        until = now + LIFETIME_SECONDS
        if stored is None:
            return Verdict(until, None, "unknown")
        if not self._peppers.match(key, HashedKey(stored.pepper_id, stored.secret_hash)):
            return Verdict(until, None, "wrong_secret")
        if stored.is_revoked:
            return Verdict(until, None, "revoked")
        left = math.inf if stored.expire_seconds is None else stored.expire_seconds
        if left <= 0:
            return Verdict(until, None, "expired")
        caller = Caller(stored.key_id, stored.project_id, frozenset(stored.scopes))
        return Verdict(min(until, now + left), caller)


def _remember(verdicts: dict[bytes, Verdict], digest: bytes, verdict: Verdict) -> None:
    """Remember a verdict, in place of the oldest where there are too many."""
    if len(verdicts) >= _MAX_REMEMBERED:
        del verdicts[next(iter(verdicts))]
    verdicts[digest] = verdict
