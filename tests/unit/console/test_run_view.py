"""What an address says of a run's page."""

from __future__ import annotations

import pytest

from agenttrace import InvalidValueError
from agenttrace_server.console.run_view import RunView, from_parameters


def test_a_view_and_its_address_say_the_same() -> None:
    view = RunView(since=1.5, until=2_000, under="a", row=120, step="b", table=True, failure=25)

    address = view.link("chosen")

    assert address == "?since=1.5&until=2000&under=a&row=120&step=b&as=table&failure=25#chosen"
    told = dict(pair.split("=") for pair in address[1 : address.index("#")].split("&"))
    assert from_parameters(told) == view


def test_an_address_without_parameters_shows_everything() -> None:
    assert from_parameters({}) == RunView()
    assert RunView().link() == "?#timeline"


@pytest.mark.parametrize(
    "told",
    [
        {"since": "x"}, {"since": "-1"}, {"until": "nan"}, {"until": "inf"}, {"since": "5", "until": "5"},
        {"row": "-1"}, {"row": "1.5"}, {"row": "٣"}, {"failure": "9" * 7},
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(told: dict[str, str]) -> None:
    with pytest.raises(InvalidValueError):
        from_parameters(told)
