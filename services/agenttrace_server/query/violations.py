"""Gathers what is wrong with a request, field by field."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agenttrace_server import limits
from agenttrace_server.errors import FieldViolation, InvalidRequest

_TOKEN = "must be a token: letters, digits and . _ : / @ + | -, at most 128 characters"  # noqa: S105  not a secret
_UUID = "must be a canonical UUID: 8-4-4-4-12 lower-case hex digits"
_USER_KEY = "must be 64 lower-case hex digits"


class Violations:
    """The violations of one request. Of a list only the first bad value is told, and never a value itself."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, path: str, description: str) -> None:
        """Note what a field must be."""
        self._found.append(FieldViolation(path, description))

    def check(self) -> None:
        """Raise InvalidRequest if anything was noted."""
        if self._found:
            raise InvalidRequest(*self._found)

    def tokens(self, path: str, values: Sequence[str]) -> tuple[str, ...]:
        """Return the values without repetitions, having checked that they are tokens and not too many."""
        if len(values) > limits.FILTER_VALUES:
            self.add(path, f"must have at most {limits.FILTER_VALUES} values")
            return ()
        for index, value in enumerate(values):
            if not limits.TOKEN.fullmatch(value):
                self.add(f"{path}[{index}]", _TOKEN)
                break
        return tuple(dict.fromkeys(values))

    def token(self, path: str, value: str) -> str | None:
        """Return a token, None for the empty one."""
        return self._matching(path, value, limits.TOKEN, _TOKEN)

    def uuid(self, path: str, value: str) -> str | None:
        """Return a UUID, None for the empty one."""
        return self._matching(path, value, limits.UUID, _UUID)

    def user_key(self, path: str, value: str) -> str | None:
        """Return a user key, None for the empty one."""
        return self._matching(path, value, limits.USER_KEY, _USER_KEY)

    def _matching(self, path: str, value: str, pattern: re.Pattern[str], description: str) -> str | None:
        if value and not pattern.fullmatch(value):
            self.add(path, description)
        return value or None

    def page_size(self, value: int, default: int, maximum: int) -> int:
        """Return the size of a page."""
        if not 0 <= value <= maximum:
            self.add("page_size", f"must be 1 to {maximum}, or 0 for {default}")
        return value or default

    def limit(self, value: int) -> int | None:
        """Return the limit of a listing, None for none."""
        if value < 0:
            self.add("limit", "must be positive, or 0 for all")
        return value or None
