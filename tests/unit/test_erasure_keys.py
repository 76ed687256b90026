"""A tombstone tells nothing without its key, and is the same wherever the key is."""

from __future__ import annotations

import pytest

from agenttrace_server import copy_binary
from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.errors import StartupError

KEY, OTHER = "k" * 32, "o" * 32
SESSION = copy_binary.text("s-1")


def digests(keys: ErasureKeys, project_id: int = 1, field: str = "session_id", value: bytes = SESSION) -> list[bytes]:
    return [tombstone.digest for tombstone in keys.tombstones(project_id, field, value)]


def test_replicas_with_the_same_key_make_the_same_tombstones() -> None:
    assert digests(ErasureKeys(KEY)) == digests(ErasureKeys(KEY))
    assert ErasureKeys(KEY).ids == ErasureKeys(KEY).ids


def test_whatever_differs_has_another_tombstone() -> None:
    found = [
        digests(ErasureKeys(KEY)),
        digests(ErasureKeys(OTHER)),
        digests(ErasureKeys(KEY), project_id=2),
        digests(ErasureKeys(KEY), field="user_key"),
        digests(ErasureKeys(KEY), value=copy_binary.text("s-2")),
    ]

    assert len({digest for (digest,) in found}) == 5


def test_there_is_one_for_each_key_the_current_first() -> None:
    both = ErasureKeys(KEY, OTHER)

    assert digests(both) == digests(ErasureKeys(KEY)) + digests(ErasureKeys(OTHER))
    assert both.ids == ErasureKeys(KEY).ids + ErasureKeys(OTHER).ids


def test_without_a_key_there_is_none() -> None:
    assert (digests(ErasureKeys()), ErasureKeys().ids) == ([], ())


def test_a_key_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(StartupError, match="32 characters at least"):
        ErasureKeys("hunter2")
