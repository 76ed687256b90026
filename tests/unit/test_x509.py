"""When a certificate expires, as another library reads it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agenttrace_server import x509
from certificates import Authority


@pytest.mark.parametrize(
    "expires",
    [
        datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC),
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2050, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_the_last_second_is_read(tmp_path: Path, expires: datetime) -> None:
    certificate, _ = Authority(tmp_path).issue("server", expires=expires)

    assert x509.not_after(ssl.PEM_cert_to_DER_cert(certificate.read_text())) == expires.timestamp()


def test_anything_else_is_a_value_error(tmp_path: Path) -> None:
    der = ssl.PEM_cert_to_DER_cert(Authority(tmp_path).file.read_text())

    for wrong in (b"", b"\x30", b"\x30\x00", b"\xff" * 40, der[:20], der + der):
        with pytest.raises(ValueError):  # noqa: PT011  # no text of its own matters
            x509.not_after(wrong)
