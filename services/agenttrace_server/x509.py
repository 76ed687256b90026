"""Reads when a certificate expires: the one fact that Python's own library tells only of a connection's peer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

_UTC_TIME = 0x17
_VERSION = 0xA0


def not_after(der: bytes) -> int:
    """Return the last second of a certificate, since 1970. Raises ValueError for what is no certificate."""
    try:
        ((_, certificate),) = _elements(der)
        _, signed = next(_elements(certificate))
        fields = [value for tag, value in _elements(signed) if tag != _VERSION]
        # serial number, algorithm, issuer, validity, ...
        _, (tag, value) = _elements(fields[3])
    except (IndexError, StopIteration):
        raise ValueError("no certificate") from None
    return _seconds(tag, value.decode("ascii"))


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and value of each element."""
    place = 0
    while place < len(der):
        tag, size = der[place], der[place + 1]
        place += 2
        if size >= 0x80:  # the length has a length of its own
            octets = size & 0x7F
            size = int.from_bytes(der[place : place + octets], "big")
            place += octets
        yield tag, der[place : place + size]
        place += size


def _seconds(tag: int, text: str) -> int:
    if tag == _UTC_TIME:  # two digits for the year, of 1950 to 2049
        text = ("20" if int(text[:2]) < 50 else "19") + text
    return int(datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp())
