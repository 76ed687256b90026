"""Keys have one form, and are kept so that neither they nor a guess can be told from what is kept."""

from __future__ import annotations

import math

import pytest

from agenttrace_server.api_keys import HashedKey, Peppers, key_id_of, new_key
from agenttrace_server.errors import StartupError

PEPPER, OTHER = "p" * 32, "o" * 32


def test_a_key_has_the_documented_form_and_256_bits() -> None:
    keys = [new_key() for _ in range(200)]

    secrets = [key.text.removeprefix(f"at_{key.key_id}_") for key in keys]
    assert [key_id_of(key.text) for key in keys] == [key.key_id for key in keys]
    assert {len(secret) for secret in secrets} == {43}
    assert all(secret.isascii() and secret.isalnum() for secret in secrets)
    assert len({letter for secret in secrets for letter in secret}) == 62
    assert 43 * math.log2(62) >= 256


def test_no_two_keys_are_alike() -> None:
    keys = [new_key() for _ in range(1000)]

    assert len({key.text for key in keys}) == len({key.key_id for key in keys}) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "", "at_", "at_abcdefghijkl", "at_abcdefghijkl_", "AT_abcdefghijkl_" + "a" * 43, "at_ABCDEFGHIJKL_" + "a" * 43,
        "at_abcdefghijkl_" + "a" * 42, "at_abcdefghijkl_" + "a" * 44, "at_abcdefghijkl_" + "a" * 43 + "\n",
        "at_abcdefghijk_" + "a" * 43, "at_abcdefghijkl_" + "a" * 42 + "é", "at_abcdefghijkl_" + "a" * 42 + "\uff11",
    ],
)  # fmt: skip
def test_nothing_else_has_the_form_of_a_key(text: str) -> None:
    assert key_id_of(text) is None


def test_a_key_matches_what_was_kept_of_it_and_no_other_does() -> None:
    peppers = Peppers(PEPPER)
    key = new_key().text
    kept = peppers.hashed(key)

    assert peppers.match(key, kept)
    for place in range(len(key)):
        other = key[:place] + ("a" if key[place] != "a" else "b") + key[place + 1 :]
        assert not peppers.match(other, kept)
    for place in range(32):
        damaged = bytes(b ^ (i == place) for i, b in enumerate(kept.secret_hash))
        assert not peppers.match(key, HashedKey(kept.pepper_id, damaged))


def test_what_is_kept_holds_nothing_of_the_key() -> None:
    key = new_key().text

    assert key[-43:] not in repr(Peppers(PEPPER).hashed(key))


def test_without_its_pepper_a_kept_key_matches_nothing() -> None:
    key = new_key().text
    kept = Peppers(PEPPER).hashed(key)

    assert not Peppers(OTHER).match(key, kept)
    assert not Peppers("").match(key, kept)
    assert not Peppers(OTHER).match(key, HashedKey(Peppers(OTHER).ids[0], kept.secret_hash))


def test_while_one_pepper_takes_over_both_count_and_the_new_one_hashes() -> None:
    old, key = Peppers(PEPPER), new_key().text
    both = Peppers(OTHER, PEPPER)

    assert both.match(key, old.hashed(key))
    assert both.match(key, both.hashed(key))
    assert both.hashed(key) == Peppers(OTHER).hashed(key) != old.hashed(key)


@pytest.mark.parametrize("peppers", [("short", ""), (PEPPER, "short")])
def test_a_pepper_that_could_be_guessed_is_refused(peppers: tuple[str, str]) -> None:
    with pytest.raises(StartupError, match="openssl rand -hex 32") as error:
        Peppers(*peppers)
    assert "short" not in str(error.value)
