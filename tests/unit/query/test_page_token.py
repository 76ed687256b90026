"""Page tokens are taken back only as they were given, for the listing they were given for."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace_server.errors import InvalidPageToken
from agenttrace_server.query.page_token import Listing, PageTokens
from agenttrace_server.read_records import FailurePosition, RunPosition, StepPosition

TOKENS = PageTokens(b"a key")
LISTING = Listing(1, "ListRuns", b"filter")
POSITION = RunPosition(datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC), UUID(int=42))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_a_token_gives_its_position_back() -> None:
    assert TOKENS.decode(LISTING, TOKENS.encode(LISTING, POSITION), RunPosition) == POSITION


@pytest.mark.parametrize(
    "position",
    [
        StepPosition(POSITION.start_time, POSITION.run_id, 3, POSITION.start_time, UUID(int=7)),
        StepPosition(POSITION.start_time, POSITION.run_id),
        FailurePosition(datetime(1, 1, 1, tzinfo=UTC), UUID(int=0), UUID(int=2**128 - 1)),
        FailurePosition(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), UUID(int=0), UUID(int=1)),
    ],
)
def test_every_kind_of_position_survives(position: StepPosition | FailurePosition) -> None:
    assert TOKENS.decode(LISTING, TOKENS.encode(LISTING, position), type(position)) == position


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_any_position_survives(time: datetime, run_id: UUID) -> None:
    position = RunPosition(time, run_id)

    assert TOKENS.decode(LISTING, TOKENS.encode(LISTING, position), RunPosition) == position


def test_the_start_and_the_end_of_a_listing_are_the_empty_token() -> None:
    assert TOKENS.decode(LISTING, "", RunPosition) is None
    assert TOKENS.encode(LISTING, None) == ""


def test_every_flipped_byte_is_refused() -> None:
    token = TOKENS.encode(LISTING, POSITION)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))

    for place in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[place] ^= 1 << bit
            with pytest.raises(InvalidPageToken):
                TOKENS.decode(LISTING, base64.urlsafe_b64encode(changed).decode().rstrip("="), RunPosition)


def test_every_other_character_in_every_place_is_refused() -> None:
    """Also those that decode to the same bytes."""
    token = TOKENS.encode(LISTING, POSITION)

    for place, right in enumerate(token):
        for wrong in ALPHABET.replace(right, "") + "=+/ \n\0é":
            with pytest.raises(InvalidPageToken):
                TOKENS.decode(LISTING, token[:place] + wrong + token[place + 1 :], RunPosition)


def test_every_part_of_a_token_and_anything_more_is_refused() -> None:
    token = TOKENS.encode(LISTING, POSITION)

    for wrong in [*(token[:end] for end in range(1, len(token))), token + "A", token + "=", token + token, "A" * 10**6]:
        with pytest.raises(InvalidPageToken):
            TOKENS.decode(LISTING, wrong, RunPosition)


@given(st.text(min_size=1))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidPageToken):
        TOKENS.decode(LISTING, text, RunPosition)


@pytest.mark.parametrize(
    "other", [LISTING._replace(project_id=2), LISTING._replace(call="ListSteps"), LISTING._replace(selection=b"other")]
)
def test_a_token_of_another_listing_is_refused(other: Listing) -> None:
    with pytest.raises(InvalidPageToken):
        TOKENS.decode(other, TOKENS.encode(LISTING, POSITION), RunPosition)


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(InvalidPageToken):
        TOKENS.decode(LISTING, PageTokens(b"another key").encode(LISTING, POSITION), RunPosition)


def test_a_token_of_another_kind_of_position_is_refused() -> None:
    """It can only come from another release; a position must never be half understood."""
    with pytest.raises(InvalidPageToken):
        TOKENS.decode(LISTING, TOKENS.encode(LISTING, POSITION), FailurePosition)


def test_times_keep_their_microseconds() -> None:
    later = POSITION._replace(start_time=POSITION.start_time + timedelta(microseconds=1))

    assert TOKENS.encode(LISTING, later) != TOKENS.encode(LISTING, POSITION)


def test_while_one_key_takes_over_tokens_of_both_count_and_the_new_one_signs() -> None:
    both, new = PageTokens(b"new", b"a key"), PageTokens(b"new")
    old_token, new_token = TOKENS.encode(LISTING, POSITION), both.encode(LISTING, POSITION)

    assert both.decode(LISTING, old_token, RunPosition) == POSITION
    assert new.decode(LISTING, new_token, RunPosition) == POSITION
    with pytest.raises(InvalidPageToken):
        new.decode(LISTING, old_token, RunPosition)
