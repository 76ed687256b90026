"""The exporter with a spool, on a double for the network."""

from __future__ import annotations

import subprocess
import sys

import pytest

import agenttrace
from agenttrace.errors import InvalidRequestError, UnavailableError
from agenttrace.exporter import Bounds, Exporter
from unit.sdk.double import Double, record

DOWN = [UnavailableError("down")] * 1000


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


def spooling(spool, *answers, **bounds):
    """A double with an exporter that spools."""
    double = Double()
    double.answers = list(answers)
    double.exporter = Exporter(double, spool_directory=spool, bounds=Bounds(delay_seconds=0.01, **bounds))
    return double


def names(double):
    return [step.name for step in double.steps]


def test_what_is_recorded_goes_by_way_of_the_disk_and_leaves_nothing_there(spool):
    double = spooling(spool)
    tracer = record(double, 3)

    assert tracer.flush(5) == agenttrace.Receipt(sent=5, accepted=5)
    assert [message.resend for stream in double.streams for message in stream] == [False] * len(double.streams)
    assert tracer.close(5).complete
    assert list(spool.iterdir()) == []


def test_a_flush_without_a_server_says_that_everything_is_on_disk(spool):
    tracer = record(spooling(spool, *DOWN), 3)

    result = tracer.flush(0.5)

    assert (result.pending, result.spooled, result.accepted) == (0, 5, 0)
    assert not result.complete
    tracer.close(0)


def test_the_next_exporter_sends_what_the_last_one_left_first_marked_and_counted_apart(spool):
    record(spooling(spool, *DOWN), 2).close(0.5)

    double = spooling(spool)
    record(double, 1)
    double.exporter.close(5)

    assert double.exporter.receipt() == agenttrace.Receipt(sent=3, accepted=3, recovered=4)
    assert [step.name for stream in double.streams for message in stream for step in message.steps] == [
        "step-0",
        "step-1",
        "step-0",
    ]
    assert double.streams[0][0].resend
    assert list(spool.iterdir()) == []


def test_what_was_left_is_sent_even_if_nothing_is_recorded(spool):
    record(spooling(spool, *DOWN), 2).close(0.5)
    double = spooling(spool)

    double.exporter.close(5)

    assert names(double) == ["step-0", "step-1"]


def test_left_and_new_are_never_in_one_stream(spool):
    record(spooling(spool, *DOWN), 2).close(0.5)
    double = spooling(spool, *DOWN[:2])
    record(double, 2)
    double.exporter.close(5)

    assert all(len({message.resend for message in stream}) == 1 for stream in double.streams)


def test_a_batch_the_server_will_never_take_leaves_the_disk_and_is_counted(spool):
    double = spooling(spool, InvalidRequestError("bad"))
    result = record(double).close(5)

    assert (result.dropped, result.pending, result.spooled) == (3, 0, 0)
    assert list(spool.iterdir()) == []


def test_a_full_directory_drops_the_oldest_and_counts_them(spool, caplog):
    double = spooling(spool, *DOWN, spool_max_bytes=100_000)
    tracer = agenttrace.Tracer("support", exporter=double.exporter)
    for number in range(40):
        with tracer.run() as run:
            for _ in range(50):
                with run.step("tool", f"step-{number}"):
                    pass
        tracer.flush(0)
        double.exporter._buffer.flush(5)
    result = tracer.close(0.2)

    assert result.dropped > 0
    assert result.dropped + result.spooled == 40 * 52
    assert sum(path.stat().st_size for path in spool.glob("*.spool")) < 200_000
    assert len(caplog.records) == 1


def test_a_directory_that_cannot_be_made_is_one_warning_and_the_rest_as_without(tmp_path, caplog):
    (tmp_path / "file").touch()
    double = spooling(tmp_path / "file" / "spool")

    assert record(double, 3).close(5).accepted == 5
    assert caplog.messages == ["agenttrace: the spool cannot be written (NotADirectoryError)"]


def test_a_python_without_sqlite_is_one_warning_and_the_rest_as_without(spool, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "agenttrace.spool", None)
    double = spooling(spool)

    assert record(double, 3).close(5).accepted == 5
    assert caplog.messages == ["agenttrace: this Python has no sqlite3; nothing is spooled"]


def test_without_a_spool_sqlite_is_not_loaded():
    code = "import sys, agenttrace; agenttrace.Tracer('support').close(); sys.exit('sqlite3' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_the_environment_says_where(spool, monkeypatch):
    monkeypatch.setenv("AGENTTRACE_SPOOL_DIRECTORY", str(spool))
    tracer = agenttrace.Tracer("support", endpoint="127.0.0.1:1")
    with tracer.run():
        pass

    assert tracer.close(0.2).spooled == 2
    assert [path.suffix for path in spool.iterdir()] == [".spool"]


def fail_with(tracer, canary):
    with tracer.run(session_id=canary) as run, run.step("tool", canary) as step:
        step.set(note=canary)
        raise ValueError(canary)


def test_nothing_of_the_host_is_on_disk(spool):
    canary = "canary of a user"
    tracer = record(spooling(spool, *DOWN))
    with pytest.raises(ValueError, match=canary):
        fail_with(tracer, canary)
    assert tracer.close(0.2).spooled > 0

    assert all(canary.encode() not in path.read_bytes() for path in spool.iterdir())
