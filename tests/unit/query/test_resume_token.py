"""Resume tokens are taken back for their project, for as long as the changes are kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agenttrace_server.errors import InvalidResumeToken, ResumeTokenExpired
from agenttrace_server.query.page_token import Listing, PageTokens
from agenttrace_server.query.resume_token import ResumeTokens
from agenttrace_server.read_records import ChangePosition, RunPosition

NOW = 1_800_000_000
POSITION = ChangePosition(2**62, 3, NOW)


def tokens(now: float = NOW) -> ResumeTokens:
    return ResumeTokens(b"a key", keep=timedelta(hours=6), clock=lambda: now)


def test_a_token_gives_its_position_back() -> None:
    assert tokens().decode(1, tokens().encode(1, POSITION)) == POSITION


def test_no_token_means_from_now_on() -> None:
    assert tokens().decode(1, "") is None


def test_a_token_of_another_project_is_refused() -> None:
    with pytest.raises(InvalidResumeToken):
        tokens().decode(2, tokens().encode(1, POSITION))


def test_every_changed_character_is_refused() -> None:
    token = tokens().encode(1, POSITION)

    for place, right in enumerate(token):
        with pytest.raises(InvalidResumeToken):
            tokens().decode(1, token[:place] + ("B" if right == "A" else "A") + token[place + 1 :])


def test_a_page_token_is_no_resume_token() -> None:
    listing = Listing(1, "ListRuns", b"")
    page_token = PageTokens(b"a key").encode(listing, POSITION)

    with pytest.raises(InvalidResumeToken):
        tokens().decode(1, page_token)
    assert PageTokens(b"a key").decode(listing, "", RunPosition) is None


def test_a_position_older_than_what_is_kept_has_expired() -> None:
    token = tokens().encode(1, POSITION)

    assert tokens(NOW + 6 * 3600).decode(1, token) == POSITION
    with pytest.raises(ResumeTokenExpired):
        tokens(NOW + 6 * 3600 + 1).decode(1, token)
