"""Parametrizes tests by language."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.clients import REQUIRED, all_clients

LANGUAGES = sorted({*all_clients(), *REQUIRED})


def in_languages(*columns: str, values: list[Any] | None = None) -> pytest.MarkDecorator:
    """Parametrize by language, and by values within it; one process does all of a language."""
    rows = [(language, value) for language in LANGUAGES for value in values or [""]]
    marked = [
        pytest.param(
            *(row if values else row[:1]),
            marks=pytest.mark.xdist_group(row[0]),
            id="-".join(filter(None, map(str, row))),
        )
        for row in rows
    ]
    return pytest.mark.parametrize(("language", *columns), marked)
