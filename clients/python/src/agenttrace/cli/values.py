"""Values of flags: those that only the command line has, and how it refuses those it shares."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeVar

from agenttrace.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable

ValueT = TypeVar("ValueT")


def flag(parse: Callable[[str], ValueT]) -> Callable[[str], ValueT]:
    """Return a parser whose refusal is told beside the flag's name, as wrong usage."""

    def parse_flag(text: str) -> ValueT:
        try:
            return parse(text)
        except InvalidValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse_flag


def positive(text: str) -> int:
    """Return a whole number from 1 on."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("not a whole number from 1 on")
    return int(text)


def count(text: str) -> int:
    """Return a whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("not a whole number from 0 on")
    return int(text)
