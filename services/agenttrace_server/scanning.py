"""Tells values that are secret or personal by their shape, from the table of scanners in limits.json.

Server and SDK have the same text but for the import. The patterns are compiled with the first value.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache

from agenttrace_server import limits

Find = Callable[[str], Iterator["re.Match[str]"]]


def is_sensitive(value: str) -> bool:
    """Whether a token or a key has a find: then no field may hold it."""
    behind, at_start = _starts()
    if at_start(value) or behind(value) or value.find("@") > 0:
        return any(_confirmed(check, find.group()) for check, finds in _scanners() for find in finds(value))
    return False


def looks_random(value: str) -> bool:
    """Whether a string holds a run of characters that looks random, as keys and encoded text do."""
    return len(value) >= _SHORTEST_RUN and any(map(_is_random, _runs()(value)))


def may_look_random(key: str) -> bool:
    """Whether an attribute's key says that its value is opaque: an id, a hash or a version."""
    return key.replace("_", ".").rpartition(".")[2] in limits.RANDOM_ALLOWED_LAST_PARTS


# Shorter strings have no such run: most need no look at all.
_SHORTEST_RUN = int(limits.RANDOM_RUN.rpartition("{")[2].rstrip(",}"))


@cache
def _starts() -> tuple[Callable[[str], object], Callable[[str], object]]:
    """What finds the start of a find: behind a character that is no letter or digit, and where the value begins."""
    starts = "|".join(limits.SCANNER_STARTS)
    return re.compile(f"[^A-Za-z0-9](?:{starts})", re.ASCII).search, re.compile(starts, re.ASCII).match


@cache
def _scanners() -> list[tuple[str, Find]]:
    """Each scanner's check, and what gives its finds. A find may begin within another."""
    return [(check, re.compile(f"(?<![A-Za-z0-9]){regex}", re.ASCII).finditer) for _, regex, check in limits.SCANNERS]


@cache
def _runs() -> Callable[[str], list[str]]:
    return re.compile(limits.RANDOM_RUN, re.ASCII).findall


def _confirmed(check: str, found: str) -> bool:
    """Whether what looks like a number with check digits is one."""
    if check == "luhn":
        return _has_luhn_digit([int(letter) for letter in found if letter.isdigit()])
    return check != "iban" or _is_iban("".join(filter(str.isalnum, found)))


def _has_luhn_digit(digits: list[int]) -> bool:
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def _is_iban(found: str) -> bool:
    """Whether the length is the country's and the number, its letters as 10 to 35, leaves 1 when divided by 97."""
    turned = found[4:] + found[:4]
    return len(found) == limits.IBAN_LENGTHS.get(found[:2]) and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def _is_random(run: str) -> bool:
    """Whether a run has letters of both cases and digits, and its characters tell as many bits as the limit."""
    if run.islower() or run.isupper() or not any(map(str.isdigit, run)):
        return False
    length = len(run)
    bits = -sum(count / length * math.log2(count / length) for count in Counter(run).values())
    return bits >= limits.RANDOM_BITS_PER_CHARACTER
