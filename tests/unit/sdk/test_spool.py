"""The spool against a model of it, and what is left of it after damage."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agenttrace.spool import Spool

MEGABYTE = 1024 * 1024


def body(number: int, size: int = 200) -> bytes:
    return random.Random(number).randbytes(size)


def open_spool(directory: Path, max_bytes: int = MEGABYTE) -> Spool:
    return Spool(directory, max_bytes)


def drain(spool: Spool) -> list[bytes]:
    """Read and settle everything."""
    found = []
    while page := spool.read(MEGABYTE):
        found += [record.body for record in page.records]
        spool.settle(page.file, page.records[-1].id)
    return found


def fill(directory: Path, *numbers: int, size: int = 200) -> Path:
    """Leave a file as a process that is gone; return its path."""
    spool = open_spool(directory)
    for number in numbers:
        spool.append([(1, body(number, size))])
    spool.close()
    return max(directory.glob("*.spool"))


class SpoolModel(RuleBasedStateMachine):
    """Two processes with one directory, each like a queue of its own; what one leaves, the other may take over."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.numbers = iter(range(1_000_000))
        self.left: list[bytes] = []  # by processes that are gone: any of the living may have it by now

    @initialize()
    def begin(self) -> None:
        self.spools = [open_spool(self.directory) for _ in range(2)]
        self.own: list[deque[bytes]] = [deque(), deque()]
        self.taken: list[tuple[object, list[object]] | None] = [None, None]
        self.held: list[list[bytes]] = [[], []]  # left by others and taken over

    processes = st.integers(0, 1)

    @rule(process=processes, sizes=st.lists(st.integers(0, 5_000), min_size=1, max_size=4))
    def append(self, process: int, sizes: list[int]) -> None:
        bodies = [body(next(self.numbers), size) for size in sizes]

        assert self.spools[process].append([(1, record) for record in bodies]) == 0

        self.own[process] += bodies

    @precondition(lambda self: any(taken is None for taken in self.taken))
    @rule(process=processes, size=st.integers(1, 8_000))
    def read(self, process: int, size: int) -> None:
        if self.taken[process]:
            return
        self.spools[process]._next_look = 0.0

        page = self.spools[process].read(size)

        self._take_over(process)
        if page is None:
            assert not self.own[process]
            assert not self.held[process]
            return
        found = [record.body for record in page.records]
        if page.is_left:
            assert set(found) <= set(self.held[process])
        else:
            assert not self.held[process], "what was left is older, and goes first"
            assert found == list(self.own[process])[: len(found)]
        self.taken[process] = (page.file, list(page.records))

    @rule(process=processes, share=st.floats(0, 1))
    def settle(self, process: int, share: float) -> None:
        if not (taken := self.taken[process]):
            return
        file, records = taken
        # As the sender does: it reads on when all it has taken is settled.
        for part in (records[: int(len(records) * share)], records):
            if part:
                self.spools[process].settle(file, part[-1].id)
        for record in records:
            (self.held[process] if record.body in self.held[process] else self.own[process]).remove(record.body)
        self.taken[process] = None

    @rule(process=processes)
    def die_and_start_again(self, process: int) -> None:
        self.spools[process].close()
        self.left += [*self.held[process], *self.own[process]]
        self.held[process], self.own[process], self.taken[process] = [], deque(), None
        self.spools[process] = open_spool(self.directory)

    @invariant()
    def nothing_is_damaged_and_own_items_are_counted(self) -> None:
        for spool, own in zip(getattr(self, "spools", ()), getattr(self, "own", ()), strict=True):
            assert spool.own_items == len(own)
            assert spool.damaged == 0

    def teardown(self) -> None:
        found = list(self.left)
        for process, spool in enumerate(getattr(self, "spools", ())):
            spool.close()
            found += [*self.own[process], *self.held[process]]
        last = open_spool(self.directory)
        assert sorted(drain(last)) == sorted(found)
        last.close()
        assert list(self.directory.iterdir()) == [], "what is delivered leaves no file behind"
        shutil.rmtree(self.directory)

    def _take_over(self, process: int) -> None:
        """Who looks takes over everything that is left."""
        self.held[process] += self.left
        self.left = []


SpoolModel.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestSpoolModel = SpoolModel.TestCase
TestSpoolModel.__test__ = True


def test_the_oldest_is_dropped_first_and_counted(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, 100_000)

    dropped = sum(spool.append([(2, body(number, 10_000))]) for number in range(20))

    kept = drain(spool)
    assert dropped == 2 * (20 - len(kept))
    assert kept == [body(number, 10_000) for number in range(20 - len(kept), 20)]
    assert 7 <= len(kept) <= 9
    spool.close()


def test_what_was_left_is_older_and_dropped_before_ones_own(tmp_path: Path) -> None:
    fill(tmp_path, *range(5), size=10_000)
    spool = open_spool(tmp_path, 100_000)
    page = spool.read(1)
    assert page, "it takes over what is left"

    dropped = sum(spool.append([(1, body(number, 10_000))]) for number in range(5, 13))
    spool.settle(page.file, page.records[-1].id)

    kept = [record.body for record in page.records] + drain(spool)
    assert dropped == 13 - len(kept) > 0
    assert kept == [body(0, 10_000), *(body(number, 10_000) for number in range(1 + dropped, 13))]
    spool.close()


def test_what_is_with_the_sender_is_not_dropped(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, 50_000)
    spool.append([(1, body(0, 10_000))])
    page = spool.read(1)

    dropped = sum(spool.append([(1, body(number, 10_000))]) for number in range(1, 9))

    assert page
    spool.settle(page.file, page.records[-1].id)
    assert dropped + len(drain(spool)) == 8
    spool.close()


def test_who_comes_to_a_full_directory_has_a_share(tmp_path: Path) -> None:
    early, late = open_spool(tmp_path, 200_000), open_spool(tmp_path, 200_000)
    for number in range(30):
        early.append([(1, body(number, 10_000))])

    for number in range(30, 60):
        late.append([(1, body(number, 10_000))])
        early.append([(1, body(number + 30, 10_000))])

    assert [early.own_items, late.own_items] == pytest.approx([9, 9], abs=4)
    early.close()
    late.close()


def test_room_is_given_back_after_an_outage(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, 100 * MEGABYTE)
    for number in range(20):
        spool.append([(1, body(number, MEGABYTE))])

    assert len(drain(spool)) == 20

    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < MEGABYTE
    spool.close()


def test_another_process_does_not_take_what_is_held(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([(1, body(1))])

    other = subprocess.run(
        [sys.executable, "-c", _TAKE, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )

    assert other.stdout == "held None\n"
    assert drain(spool) == [body(1)]
    spool.close()


_TAKE = """
import sys
from pathlib import Path
from agenttrace.spool import Spool
from agenttrace.spool_file import HeldError, SpoolFile
(path,) = Path(sys.argv[1]).glob("*.spool")
try:
    SpoolFile(path)
except HeldError:
    print("held", end=" ")
print(Spool(sys.argv[1], 1_000_000).read(1_000_000))
"""


def test_a_directory_that_cannot_be_written_is_an_error_and_loses_no_earlier_record(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OSError, match="file"):
        open_spool(tmp_path / "file" / "spool").append([(1, b"x")])


@pytest.fixture
def left(tmp_path: Path) -> tuple[str, bytes]:
    """The name and bytes of a file with 40 records, some of which fill pages."""
    directory = tmp_path / "left"
    spool = open_spool(directory)
    for number in range(40):
        spool.append([(1, body(number, 100 if number % 2 else 6_000))])
    spool.close()
    (path,) = directory.glob("*.spool")
    return path.name, path.read_bytes()


EVERYTHING = [body(number, 100 if number % 2 else 6_000) for number in range(40)]


def recover(directory: Path, name: str, content: bytes) -> tuple[list[bytes], int]:
    """What a process finds of a damaged file, and what it counts; its own record must be there in any case."""
    directory.mkdir(exist_ok=True)
    (directory / name).write_bytes(content)
    os.utime(directory / name, (0, 0))
    spool = open_spool(directory)
    spool.append([(1, b"own")])
    found, damaged = drain(spool), spool.damaged
    spool.close()
    assert found.pop() == b"own"
    assert not list(directory.glob("*.spool*")), "nothing stays to be found again"
    return found, damaged


def test_a_file_cut_off_at_any_length_gives_only_whole_records_and_is_counted(
    tmp_path: Path, left: tuple[str, bytes]
) -> None:
    name, content = left
    chance = random.Random(7)
    pages = [page + change for page in range(0, len(content), 8192) for change in (-1, 0, 1)]
    lengths = {length for length in pages if 0 <= length < len(content)}
    lengths |= {*range(0, 110, 9), *(chance.randrange(len(content)) for _ in range(20))}
    whole = 0
    for length in sorted(lengths):
        found, damaged = recover(tmp_path / "cut", name, content[:length])

        assert set(found) <= set(EVERYTHING), length
        assert len(set(found)) == len(found) < 40 or length >= len(content) - 4096
        assert damaged > 0 or len(found) == 40, length
        whole += len(found)
    assert whole > len(lengths) * 10, "what comes before the cut outlives it"


def test_flipped_bits_never_give_a_record_that_was_not_written(tmp_path: Path, left: tuple[str, bytes]) -> None:
    name, content = left
    chance = random.Random(11)
    whole = 0
    for _ in range(150):
        broken = bytearray(content)
        for _ in range(chance.choice((1, 1, 1, 8, 64))):
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)

        found, damaged = recover(tmp_path / "flipped", name, bytes(broken))

        assert set(found) <= set(EVERYTHING)
        assert len(set(found)) == len(found)
        whole += len(found)
        assert damaged > 0 or len(found) == 40
    assert whole > 150 * 20, "most of a file outlives a flipped bit"


def test_an_undamaged_file_is_recovered_whole(tmp_path: Path, left: tuple[str, bytes]) -> None:
    assert recover(tmp_path / "whole", *left) == (EVERYTHING, 0)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"x" * 100_000], ids=["empty", "header", "text"])
def test_what_is_no_file_of_ours_is_put_out_of_the_way_and_counted(tmp_path: Path, content: bytes) -> None:
    assert recover(tmp_path, "0.spool", content) == ([], 1)


def test_an_empty_file_of_this_minute_is_left_to_who_made_it(tmp_path: Path) -> None:
    (tmp_path / "0.spool").touch()
    spool = open_spool(tmp_path)

    assert drain(spool) == []
    assert spool.damaged == 0
    assert (tmp_path / "0.spool").exists()
    spool.close()
