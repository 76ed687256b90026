"""Words that an address may tell where only some are known."""

from __future__ import annotations

from agenttrace import InvalidValueError


def one_of(name: str, word: str, words: tuple[str, ...]) -> str:
    """Return the word told for a parameter; raise InvalidValueError for one that is not known."""
    if word not in words:
        raise InvalidValueError(f"{name} is none of: {', '.join(filter(None, words))}")
    return word
