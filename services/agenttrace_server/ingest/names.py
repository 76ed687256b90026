"""The names that items go by, each with its bytes: a name that is known costs one look into a dictionary."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from agenttrace_server import copy_binary
from agenttrace_server.copy_binary import NULL
from agenttrace_server.ingest import values
from agenttrace_server.ingest.values import Refusal

# Without a cap: how many are remembered.
_MAX_KNOWN = 20_000


class Known(dict[str, bytes]):
    """The names of one field. One that is missing is checked and learned, or refused.

    `most`: how many there may be; 0: any number. `learned`: told of each new one.
    """

    __slots__ = ("_field", "_is_optional", "_learned", "_most")

    def __init__(self, field: str, *, most: int, learned: Callable[[], None], is_optional: bool = True) -> None:
        self._field = field
        self._most = most
        self._learned = learned
        self._is_optional = is_optional
        self.forget()

    def forget(self) -> None:
        """Know nothing but that an optional name may be left out."""
        self.clear()
        if self._is_optional:
            self[""] = NULL

    def __missing__(self, name: str) -> bytes:
        encoded = copy_binary.text(values.required_token(name, self._field))
        if self._most and len(self) - self._is_optional >= self._most:
            raise Refusal("TOO_MANY_NAMES", self._field)
        if not self._most and len(self) >= _MAX_KNOWN:
            self.forget()
        self._learned()
        self[name] = encoded
        return encoded


class Names(NamedTuple):
    """The names of one project."""

    agent_ids: Known
    step_names: Known
    tool_names: Known
    request_models: Known
    response_models: Known

    @classmethod
    def at_most(cls, most: int, learned: Callable[[], None]) -> Names:
        """Return names of which there may be so many in each field; 0: any number."""
        return cls(
            Known("AGENT_ID", most=most, learned=learned),
            Known("NAME", most=most, learned=learned, is_optional=False),
            Known("TOOL_NAME", most=most, learned=learned),
            Known("REQUEST_MODEL", most=most, learned=learned),
            Known("RESPONSE_MODEL", most=most, learned=learned),
        )

    def forget(self) -> None:
        """Begin anew."""
        for known in self:
            known.forget()


ANY_NUMBER = Names.at_most(0, lambda: None)
