"""Marks the rows of a batch with the tombstones that they would have, to be compared with those that there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agenttrace_server import copy_binary
from agenttrace_server.copy_binary import NULL
from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.records import RunMessage
from agenttrace_server.store import parameters

# The fields of a run message that may name something erased, and what they name.
_FIELDS = (("session_id", "session_id"), ("user_key", "user_key"), ("parent_run_id", "run_id"))


class _Mark(NamedTuple):
    """One value of a row, as its tombstone; `place` counts from 1, as arrays do in SQL."""

    place: int
    field: str
    key_id: str
    digest: bytes


def columns(
    project_id: int, run_keys: Sequence[bytes], messages: Sequence[RunMessage], keys: ErasureKeys
) -> dict[str, object]:
    """Return the arrays of ingest_runs() that tell what is erased; they are empty where `keys` has none.

    `run_keys`: the ids of the batch's runs, in the order of its first rows; `messages`: of all its rows.
    """
    marks = list(_marks(project_id, run_keys, messages, keys)) if keys.ids else []
    texts = {text: copy_binary.text(text) for mark in marks for text in (mark.field, mark.key_id)}
    return {
        "erasure_keys": parameters.TextArray([copy_binary.text(key_id) for key_id in keys.ids]),
        "mark_place": parameters.Int4Array([copy_binary.int4(mark.place) for mark in marks]),
        "mark_field": parameters.TextArray([texts[mark.field] for mark in marks]),
        "mark_key": parameters.TextArray([texts[mark.key_id] for mark in marks]),
        "mark": parameters.ByteaArray([copy_binary.bytea(mark.digest) for mark in marks]),
    }


def _marks(
    project_id: int, run_keys: Sequence[bytes], messages: Sequence[RunMessage], keys: ErasureKeys
) -> Iterator[_Mark]:
    for place, run_key in enumerate(run_keys, 1):
        for key_id, digest in keys.tombstones(project_id, "run_id", run_key):
            yield _Mark(place, "run_id", key_id, digest)
    for place, message in enumerate(messages, 1):
        for field, named in _FIELDS:
            value: bytes = getattr(message, field)
            if value != NULL:
                for key_id, digest in keys.tombstones(project_id, named, value):
                    yield _Mark(place, field, key_id, digest)
