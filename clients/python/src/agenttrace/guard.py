"""The boundary at the call site: what is no token, number or truth value, or looks secret, goes no further.

The server checks the same rules, from the same table (limits.json); here they keep content off the
wire. A refused value is left out and counted; the agent goes on. Nothing here raises.
"""

from collections.abc import Iterable, Mapping

from agenttrace import limits
from agenttrace.facts import StepFacts, refused
from agenttrace.forms import Attribute, is_attribute, is_token
from agenttrace.notices import Notices
from agenttrace.receipt import Ledger

INVALID_NAME = "invalid_name"


class Guard:
    """Lets through what may be recorded; counts the rest and warns of it once a kind."""

    def __init__(self, ledger: Ledger, notices: Notices) -> None:
        self._ledger = ledger
        self._notices = notices

    def name(self, value: str) -> str:
        """Return a required name, or `invalid_name` in place of what is no token."""
        if is_token(value):
            return value
        # Never made a token by replacing characters, because then sentences would pass.
        self.refuse_name("name", "recorded as invalid_name")
        return INVALID_NAME

    def optional_name(self, field: str, value: str) -> str:
        """Return an optional name, or nothing in place of what is no token."""
        if value == "" or is_token(value):
            return value
        self.refuse_name(field, "left out")
        return ""

    def names(self, field: str, values: Iterable[str], at_most: int) -> list[str]:
        """Return those of a list of names that are tokens, each once, at most so many."""
        kept = [value for value in dict.fromkeys(values) if self.optional_name(field, value)]
        if len(kept) > at_most:
            self.refuse_facts(len(kept) - at_most)
        return kept[:at_most]

    def user_key(self, value: str) -> str:
        """Return the keyed hash of a user, or nothing in place of what is none."""
        if value == "" or (isinstance(value, str) and limits.USER_KEY.fullmatch(value)):
            return value
        self.refuse_name("user_key", "left out: make it with agenttrace.user_key()")
        return ""

    def attributes(self, given: Mapping[str, Attribute], present: dict[str, Attribute]) -> None:
        """Add to `present` what of `given` may be stored, up to the limit of attributes."""
        refused = 0
        for key, value in given.items():
            if is_attribute(key, value) and (key in present or len(present) < limits.ATTRIBUTES):
                present[key] = value
            else:
                refused += 1
        if refused:
            self.refuse_facts(refused)

    def facts(self, facts: StepFacts) -> None:
        """Take out of the facts of a step what is not of its kind, and what is not known."""
        wrong = refused(facts)
        for name in wrong:
            del facts[name]  # type: ignore[misc] # a name that StepFacts has not is refused, too
        if wrong:
            self.refuse_facts(len(wrong))

    def refuse_name(self, field: str, consequence: str) -> None:
        """Count and warn of a name that is no token."""
        self._ledger.add(refused_names=1)
        text = "agenttrace: a %s is no token (letters, digits, ._:/@+|- and at most 128) or looks like a secret: %s"
        self._notices.once(f"name:{field}", text, field, consequence)

    def refuse_facts(self, count: int) -> None:
        """Count and warn of facts that may not be stored."""
        self._ledger.add(refused_attributes=count)
        self._notices.once(
            "facts",
            "agenttrace: attributes or facts were left out: they are no token, number or truth value, "
            "are out of range, look like a secret, or their key names content",
        )
