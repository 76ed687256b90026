"""Servers to operate, and what a test needs to judge what became of the data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.conftest import chance, journal, make, serve
from operations.machine import Machine, machine

__all__ = ["chance", "journal", "make", "serve"]


@pytest.fixture
def a_machine() -> Iterator[Machine]:
    with machine() as made:
        yield made
