"""How facts are spelt, on a terminal and on a page."""

from __future__ import annotations

import pytest

from agenttrace.showing.wording import dollars, enum_word, failure_type_word, length, short_id, status_word
from agenttrace.v1 import failure_pb2, run_pb2


@pytest.mark.parametrize(
    ("seconds", "spelt"),
    [
        (None, "-"), (0, "0 ms"), (0.00004, "40 µs"), (0.0004, "400 µs"), (0.0042, "4.2 ms"), (0.0421, "42 ms"),
        (0.25, "250 ms"), (0.9996, "1.00 s"), (9.87, "9.87 s"), (9.996, "10.0 s"), (59.94, "59.9 s"),
        (59.96, "1 m 00 s"), (75, "1 m 15 s"), (3600, "1 h 00 m"), (7325, "2 h 02 m"), (90_000, "1 d 01 h"),
    ],
)  # fmt: skip
def test_lengths_of_time_have_about_three_digits(seconds: float | None, spelt: str) -> None:
    assert length(seconds) == spelt


def test_a_cost_below_a_dollar_has_four_decimals() -> None:
    assert [dollars(n) for n in (0, 1200, 2_500_000)] == ["$0.00", "$0.0012", "$2.50"]


def test_words_of_enums_are_those_of_the_contract_without_their_prefix() -> None:
    assert enum_word(run_pb2.RunStatus.DESCRIPTOR, run_pb2.RUN_STATUS_FAILURE) == "FAILURE"
    assert status_word(run_pb2.RUN_STATUS_UNSPECIFIED) == "unspecified"
    assert failure_type_word(failure_pb2.FAILURE_TYPE_TOOL) == "tool"


def test_a_word_of_a_later_release_is_its_number() -> None:
    assert status_word(99) == "99"


def test_a_short_id_has_the_time_of_its_making() -> None:
    assert short_id("01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11") == "01935c3e-7d2a"
