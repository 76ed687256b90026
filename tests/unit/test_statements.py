"""Named statements in .sql files."""

from __future__ import annotations

import pytest

from agenttrace_server.store import statements


def test_statements_are_found_by_their_names() -> None:
    assert statements.parse("-- about\n-- name: one\nSELECT 1\n\n-- name: two\n-- why\nSELECT 2\n") == {
        "one": "SELECT 1",
        "two": "-- why\nSELECT 2",
    }


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="stands twice"):
        statements.parse("-- name: one\nSELECT 1\n-- name: one\nSELECT 2\n")
