"""Parameters that several pages understand, and how they are refused: by their names, never with what was told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agenttrace import InvalidValueError
from agenttrace.filters import RunFilters

# Parameter -> filter of the client.
SCOPE = {"agent": "agent_id", "version": "agent_version", "environment": "environment"}


def one_of(name: str, word: str, words: tuple[str, ...]) -> str:
    """Return the word told for a parameter; raise InvalidValueError for one that is not known."""
    if word not in words:
        raise InvalidValueError(f"{name} is none of: {', '.join(filter(None, words))}")
    return word


def scope_filters(told: Mapping[str, str]) -> RunFilters:
    """Return the filters of the agent, version and environment that are told, whatever else is."""
    filters: Any = {ours: told[name] for name, ours in SCOPE.items() if name in told}
    found: RunFilters = filters
    return found


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Put a parameter's name before what is said of its value."""
    try:
        yield
    except InvalidValueError as error:
        raise InvalidValueError(f"{name} is {error}") from None
