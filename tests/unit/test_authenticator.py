"""What is known of a key is remembered for seconds, and never for longer than it is true."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from agenttrace_server import authenticator
from agenttrace_server.api_keys import ApiKey, Peppers, new_key
from agenttrace_server.authenticator import LIFETIME_SECONDS, Authenticator
from agenttrace_server.errors import Overloaded, ScopeMissing, StoreUnavailable, Unauthenticated
from agenttrace_server.metrics import Metrics
from agenttrace_server.records import StoredKey

PEPPERS = Peppers("a pepper of 32 characters, or more")


class Keys:
    """Keys as a database would give them, which counts how often it is asked, and a clock to turn."""

    def __init__(self) -> None:
        self.stored: dict[str, StoredKey] = {}
        self.asked: Counter[str] = Counter()
        self.now = 1000.0
        self.away = False
        self.gate: asyncio.Event | None = None
        self.authenticator = Authenticator(self.find, PEPPERS, Metrics(), key_required=True, clock=lambda: self.now)

    async def find(self, key_id: str) -> StoredKey | None:
        self.asked[key_id] += 1
        if self.gate:
            await self.gate.wait()
        if self.away:
            raise StoreUnavailable
        return self.stored.get(key_id)

    def new(self, **changes: Any) -> ApiKey:
        key = new_key()
        hashed = PEPPERS.hashed(key.text)
        stored = StoredKey(key.key_id, 7, hashed.secret_hash, hashed.pepper_id, ["ingest"], None, False)
        self.stored[key.key_id] = replace(stored, **changes)
        return key

    async def admitted(self, key: ApiKey | str) -> str:
        """How a key fares: "in", or the cause."""
        try:
            caller, _ = await self.authenticator.admit(key if isinstance(key, str) else key.text, "ingest")
        except Unauthenticated as error:
            return error.facts["cause"]
        except StoreUnavailable:
            return "away"
        assert caller.project_id == 7
        return "in"


def run(act: Callable[[Keys], Awaitable[Any]]) -> Any:
    async def with_keys() -> Any:
        return await act(Keys())

    return asyncio.run(with_keys())


def test_the_database_is_asked_once_in_a_lifetime() -> None:
    async def act(keys: Keys) -> Any:
        key = keys.new()
        for _ in range(5):
            assert await keys.admitted(key) == "in"
            keys.now += LIFETIME_SECONDS / 5
        first = keys.asked[key.key_id]
        await keys.admitted(key)
        return first, keys.asked[key.key_id]

    assert run(act) == (1, 2)


def test_a_revocation_is_seen_when_the_lifetime_is_over() -> None:
    async def act(keys: Keys) -> Any:
        key = keys.new()
        seen = [await keys.admitted(key)]
        keys.stored[key.key_id] = replace(keys.stored[key.key_id], is_revoked=True)
        for seconds in (LIFETIME_SECONDS - 0.001, 0.001):
            keys.now += seconds
            seen.append(await keys.admitted(key))
        return seen

    assert run(act) == ["in", "in", "revoked"]
    assert LIFETIME_SECONDS + 15 <= 30  # a watch has a message, and so is asked again, every 15 s


def test_a_key_that_expires_does_so_within_the_lifetime_too() -> None:
    async def act(keys: Keys) -> Any:
        key = keys.new(expire_seconds=2.5)
        seen = [await keys.admitted(key)]
        keys.stored[key.key_id] = replace(keys.stored[key.key_id], expire_seconds=-0.1)
        for seconds in (2.4, 0.2):
            keys.now += seconds
            seen.append(await keys.admitted(key))
        return seen

    assert run(act) == ["in", "in", "expired"]


def test_an_outage_is_no_verdict_and_is_not_remembered() -> None:
    async def act(keys: Keys) -> Any:
        known, other = keys.new(), keys.new()
        await keys.admitted(known)
        keys.away = True
        seen = [await keys.admitted(known), await keys.admitted(other)]
        keys.now += LIFETIME_SECONDS
        seen.append(await keys.admitted(known))
        keys.away = False
        return [*seen, await keys.admitted(known), await keys.admitted(other)]

    assert run(act) == ["in", "away", "away", "in", "in"]


def test_refusals_are_remembered_as_well_for_as_long() -> None:
    async def act(keys: Keys) -> Any:
        unknown = new_key()
        for _ in range(3):
            assert await keys.admitted(unknown) == "unknown"
        asked = keys.asked[unknown.key_id]
        keys.now += LIFETIME_SECONDS
        await keys.admitted(unknown)
        return asked, keys.asked[unknown.key_id]

    assert run(act) == (1, 2)


def test_what_has_not_the_form_of_a_key_never_reaches_the_database() -> None:
    async def act(keys: Keys) -> Any:
        return [await keys.admitted(text) for text in ("", "at_x", "' OR true --", "é" * 60)], keys.asked.total()

    assert run(act) == (["malformed"] * 4, 0)


def test_guesses_do_not_push_known_keys_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticator, "_MAX_REMEMBERED", 10)

    async def act(keys: Keys) -> Any:
        key = keys.new()
        await keys.admitted(key)
        for _ in range(50):
            await keys.admitted(new_key())
        await keys.admitted(key)
        return keys.asked[key.key_id], len(keys.authenticator._refused)

    assert run(act) == (1, 10)


def test_accepted_keys_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticator, "_MAX_REMEMBERED", 10)

    async def act(keys: Keys) -> Any:
        issued = [keys.new() for _ in range(30)]
        seen = {await keys.admitted(key) for _ in range(2) for key in issued}
        return seen, len(keys.authenticator._accepted)

    assert run(act) == ({"in"}, 10)


def test_calls_that_come_together_ask_together() -> None:
    async def act(keys: Keys) -> Any:
        key = keys.new()
        keys.gate = asyncio.Event()
        calls = [asyncio.create_task(keys.admitted(key)) for _ in range(100)]
        await asyncio.sleep(0)
        # Who began to ask goes; the others get their answer all the same.
        calls[0].cancel()
        await asyncio.sleep(0)
        keys.gate.set()
        seen = await asyncio.gather(*calls[1:])
        return set(seen), keys.asked[key.key_id]

    assert run(act) == ({"in"}, 1)


def test_guesses_wait_for_each_other_and_known_keys_for_none() -> None:
    async def act(keys: Keys) -> Any:
        key = keys.new()
        await keys.admitted(key)
        keys.now += LIFETIME_SECONDS
        keys.gate = asyncio.Event()
        guesses = [asyncio.create_task(keys.admitted(new_key())) for _ in range(50)]
        for _ in range(5):
            await asyncio.sleep(0)
        asked_by_guesses = keys.asked.total() - 1
        again = asyncio.create_task(keys.admitted(key))
        for _ in range(5):
            await asyncio.sleep(0)
        asked_by_key = keys.asked[key.key_id]
        keys.gate.set()
        return asked_by_guesses, asked_by_key, await again, {await guess for guess in guesses}

    assert run(act) == (3, 2, "in", {"unknown"})


def test_more_guesses_than_may_wait_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticator, "_MAX_CHECKS", 5)

    async def act(keys: Keys) -> None:
        keys.gate = asyncio.Event()
        guesses = [asyncio.create_task(keys.admitted(new_key())) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await keys.admitted(new_key())
        keys.gate.set()
        assert {await guess for guess in guesses} == {"unknown"}

    run(act)


def test_a_scope_that_is_missing_is_named() -> None:
    async def act(keys: Keys) -> Any:
        key = keys.new(scopes=["query", "admin"])
        with pytest.raises(ScopeMissing) as error:
            await keys.authenticator.admit(key.text, "ingest")
        caller, _ = await keys.authenticator.admit(key.text, "query")
        return error.value.facts, caller.key_id == key.key_id

    assert run(act) == ({"scope": "ingest"}, True)


def test_without_a_need_for_keys_a_call_without_one_is_of_the_default_project_for_good() -> None:
    async def act(_: Keys) -> Any:
        keys = Keys()
        anybody = Authenticator(keys.find, PEPPERS, Metrics(), key_required=False)
        return await anybody.admit(None, "ingest")

    caller, until = run(act)
    assert (caller.key_id, caller.project_id, until) == ("", 1, math.inf)


def test_memory_holds_no_key() -> None:
    async def act(keys: Keys) -> Any:
        key, other = keys.new(), new_key()
        await keys.admitted(key)
        await keys.admitted(other)
        held = repr(keys.authenticator._accepted) + repr(keys.authenticator._refused)
        return [k.text[-43:] in held for k in (key, other)]

    assert run(act) == [False, False]
