"""`tail` and the live table, as someone watches them."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fix_server import Services, config_for, running
from integration.cli.conftest import COMMAND, environment_for
from items import at, batch, ended, new_id, run


@contextmanager
def following(services: Services, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [*COMMAND, *arguments]
    process = subprocess.Popen(
        command, env=environment_for(services), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def line(process: subprocess.Popen[str], seconds: float = 30) -> str:
    assert process.stdout is not None
    impatience = threading.Timer(seconds, process.kill)
    impatience.start()
    text = process.stdout.readline()
    impatience.cancel()
    assert text, "no line came"
    return text


def test_tail_shows_the_newest_and_then_each_change(services: Services) -> None:
    old, new = [new_id() for _ in range(3)], new_id()
    services.ingest.RecordBatch(batch(runs=[ended(run_id, start_time=at(n)) for n, run_id in enumerate(old)]))

    with following(services, "tail", "-n", "2") as process:
        first = [line(process), line(process)]
        services.ingest.RecordBatch(batch(runs=[run(new, start_time=at(5))]))
        started = line(process)
        services.ingest.RecordBatch(batch(runs=[ended(new, start_time=at(5))]))
        finished = line(process)

    assert [run_id in told for run_id, told in zip(old[1:], first, strict=True)] == [True, True]
    assert ("▶ RUNNING" in started, new in started) == (True, True)
    assert ("✓ SUCCESS" in finished, new in finished, "55.0 s" in finished) == (True, True, True)


def test_tail_speaks_json(services: Services) -> None:
    run_id = new_id()
    services.ingest.RecordBatch(batch(runs=[ended(run_id)]))

    with following(services, "tail", "--json", "-n", "5") as process:
        told = json.loads(line(process))

    assert (told["run"]["run_id"], told["run"]["status"]) == (run_id, "SUCCESS")


def test_tail_goes_on_when_its_service_comes_back(database_url: str) -> None:
    with running(config_for(database_url)) as first:
        before, between = new_id(), new_id()
        first.ingest.RecordBatch(batch(runs=[ended(before)]))
        opened = following(first, "tail")
        process = opened.__enter__()
        assert before in line(process)
        address = first.query_address
    with running(config_for(database_url)) as elsewhere:
        elsewhere.ingest.RecordBatch(batch(runs=[ended(between)]))
    with running(config_for(database_url, query_address=address)):
        assert between in line(process)
        opened.__exit__(None, None, None)


@pytest.mark.parametrize("arguments", [("tail",), ("tail", "--json")])
def test_ctrl_c_ends_it_quietly(services: Services, arguments: tuple[str, ...]) -> None:
    run_id = new_id()
    services.ingest.RecordBatch(batch(runs=[ended(run_id)]))

    with following(services, *arguments) as process:
        line(process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (130, "")


def test_a_reader_that_has_enough_ends_it_quietly(services: Services) -> None:
    services.ingest.RecordBatch(batch(runs=[ended(new_id()) for _ in range(900)]))

    with following(services, "runs", "--json", "--limit", "900") as process:
        line(process)
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        assert process.stderr is not None
        errors = process.stderr.read()

        assert (process.wait(timeout=20), errors) == (0, "")


def test_the_live_table_follows_and_ctrl_c_ends_it(services: Services) -> None:
    """On a real terminal: ours is one end of it."""
    first, second = new_id(), new_id()
    services.ingest.RecordBatch(batch(runs=[run(first)]))
    ours, theirs = pty.openpty()
    environment = environment_for(services, COLUMNS="120", LINES="20", TERM="xterm-256color")
    process = subprocess.Popen([*COMMAND, "runs", "--watch"], env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)

    shown = until(ours, lambda text: first[:13] in text and "RUNNING" in text)
    services.ingest.RecordBatch(batch(runs=[run(second), ended(first)]))
    later = until(ours, lambda text: second[:13] in text and "SUCCESS" in text)
    process.send_signal(signal.SIGINT)
    rest = until(ours, lambda _: process.poll() is not None)
    os.close(ours)

    assert "live; Ctrl-C ends it" in shown
    assert "\x1b[" in later
    assert process.wait(timeout=20) == 130
    assert "Traceback" not in shown + later + rest


def until(terminal: int, is_so: Callable[[str], bool], seconds: float = 30) -> str:
    """Read the terminal until it shows what is waited for."""
    text, end = "", time.monotonic() + seconds
    while not is_so(text):
        assert time.monotonic() < end, text
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            try:
                text += os.read(terminal, 65_536).decode(errors="replace")
            except OSError:
                return text
    return text
