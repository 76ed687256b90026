"""The oracle itself."""

from __future__ import annotations

import random
import re

import psycopg
import pytest

from faults.courier import channel_to, send
from faults.oracle import Generator, Item, Journal, check, stored
from faults.processes import IngestProcess


def test_the_oracle_finds_what_is_stored_and_misses_what_is_not(
    service: IngestProcess, connection: psycopg.Connection, make: Generator, journal: Journal
) -> None:
    """Or all of the verdicts here are worth nothing."""
    items = make.runs(3)
    with channel_to(service.address) as channel:
        assert send(channel, [items], journal) == []
    check(connection, items, journal, complete=True)
    assert {(key, content) for key, (content,) in stored(connection).items()} == {(i.key, i.content) for i in items}

    lost = next(item for item in items if item.key[0] == "steps")
    connection.execute("DELETE FROM agent_steps WHERE step_id = %s", (lost.key[2],))

    with pytest.raises(AssertionError, match="I1 acknowledged and lost"):
        check(connection, items, journal)


def test_items_are_the_same_for_the_same_seed(make: Generator, chance: random.Random) -> None:
    """A failure can be had again by its seed."""
    state = chance.getstate()
    first = make.messages(make.runs(5))
    chance.setstate(state)

    assert _spelt(make.messages(make.runs(5))) == _spelt(first)


def _spelt(messages: list[list[Item]]) -> list[str]:
    return [re.sub(r"\s+", " ", str(item.message)) for message in messages for item in message]
