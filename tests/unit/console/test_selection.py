"""What addresses mean: periods, filters, changes, sessions."""

from __future__ import annotations

import datetime as dt

import pytest
from starlette.datastructures import QueryParams
from starlette.responses import Response

from agenttrace import InvalidValueError
from agenttrace_server.console.change import points, relative
from agenttrace_server.console.login import own_path
from agenttrace_server.console.pages import url
from agenttrace_server.console.periods import period
from agenttrace_server.console.selection import selection, watched
from agenttrace_server.console.sessions import COOKIE, Sessions
from agenttrace_server.console.wording import compact

KEY = f"at_{'a' * 12}_{'b' * 43}"


def cookie(sessions: Sessions, key: str = KEY) -> dict[str, str]:
    response = Response()
    sessions.begin(response, key, secure=True)
    told = response.headers["set-cookie"]
    assert "Secure" in told
    return {COOKIE: told.partition("=")[2].partition(";")[0]}


def test_a_period_ends_now_unless_told() -> None:
    told = period({"since": "6h"})

    assert told.length == dt.timedelta(hours=6)
    assert abs(told.end - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)
    assert told.before.end == told.start
    assert told.before.length == told.length


@pytest.mark.parametrize(
    "parameters",
    [
        {"since": "x"},
        {"since": "2026-01-02", "until": "2026-01-01"},
        {"since": "999999w"},
        {"until": "1h", "since": "-1h"},
    ],
)
def test_a_period_that_is_none_is_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(InvalidValueError):
        period(parameters)


@pytest.mark.parametrize(("since", "width"), [("1h", 2), ("6h", 10), ("24h", 30), ("7d", 6 * 60), ("30d", 24 * 60)])
def test_buckets_cover_a_period_and_are_few(since: str, width: int) -> None:
    told = period({"since": since})

    starts = told.buckets(told.bucket)

    assert told.bucket == dt.timedelta(minutes=width)
    assert starts[0] <= told.start < starts[1]
    assert starts[-1] < told.end <= starts[-1] + told.bucket


def test_several_values_stand_in_one_field_or_several() -> None:
    chosen = selection(QueryParams("agent=a b,c&agent=d&agent=a&attribute=region=eu&attribute=n=3"))

    assert chosen.filters == {"agent_id": ["a", "b", "c", "d"], "attributes": {"region": "eu", "n": 3}}
    assert chosen.parameters[:2] == (("agent", "a"), ("agent", "b"))


def test_a_page_token_goes_with_times_that_stand() -> None:
    chosen = selection(QueryParams("since=24h&agent=a"))

    stood = dict(chosen.standing_still())

    assert selection(QueryParams(stood)).filters == chosen.filters


def test_a_status_is_not_watched_for() -> None:
    assert watched(selection(QueryParams("status=running&agent=a"))) == {"agent_id": ["a"]}


def test_an_address_has_what_is_told_only() -> None:
    assert url("/runs", {"a": "", "b": ["x", "y"], "c": "&="}) == "/runs?b=x&b=y&c=%26%3D"
    assert url("/runs", {"a": ""}) == "/runs"


def test_a_session_holds_the_key_and_does_not_show_it() -> None:
    sessions = Sessions("secret")
    kept = cookie(sessions)

    assert sessions.key(kept) == KEY
    assert KEY not in kept[COOKIE]
    assert Sessions("new", "secret").key(kept) == KEY
    assert Sessions("other").key(kept) == ""
    assert sessions.key({COOKIE: kept[COOKIE][:-4] + "AAAA"}) == ""
    assert sessions.key({}) == ""


@pytest.mark.parametrize(
    ("told", "goes"),
    [
        ("/runs?agent=a&since=24h", "/runs?agent=a&since=24h"),
        ("", "/"),
        ("//evil", "/"),
        ("/\\evil", "/"),
        ("https://evil", "/"),
        ("/a\nSet-Cookie: x", "/"),
        ("/\t/evil", "/"),
    ],
)
def test_signing_in_leads_to_our_own_pages(told: str, goes: str) -> None:
    assert own_path(told) == goes


def test_changes_say_which_way_is_good() -> None:
    assert relative(150, 100, good="down") == ("▲ 50.0 %", "worse")
    assert relative(50, 100, good="down") == ("▼ 50.0 %", "better")
    assert relative(100, 100) == ("no change", "same")
    assert relative(5000, 100) == ("▲ 50 times as much", "same")
    assert relative(1, 0) is None
    assert points(0.9, 0.85, good="up") == ("▲ 5.0 points", "better")
    assert points(None, 0.85) is None


def test_large_numbers_are_short() -> None:
    assert [compact(n) for n in (0, 999, 1000, 12_345, 999_950, 4_560_000)] == [
        "0", "999", "1.00k", "12.3k", "1.00M", "4.56M",
    ]  # fmt: skip
