"""What a person reads beside the code of a failure, from the operator's catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.showing.wording import failure_type_word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.v1.failure_pb2 import FailureCode


class Catalogue:
    """Titles and remedies, by the word of the type and the code."""

    def __init__(self, entries: Iterable[FailureCode]) -> None:
        self._entries = {(failure_type_word(entry.type), entry.code): entry for entry in entries}

    def title(self, failure_type: str, code: str) -> str:
        """Return what happened, in a few words; empty for a code that the catalogue does not have."""
        entry = self._entries.get((failure_type, code))
        return entry.title if entry else ""

    def remedy(self, failure_type: str, code: str) -> str:
        """Return what to do about it; empty for a code that the catalogue does not have."""
        entry = self._entries.get((failure_type, code))
        return entry.remedy if entry else ""
