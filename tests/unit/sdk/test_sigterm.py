"""What SIGTERM does to a process that records, and what it leaves to the host."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

PREAMBLE = """
import os, signal, sys, threading, time
import agenttrace
from agenttrace.exporter import Bounds, Exporter

def record(**bounds):
    exporter = Exporter(endpoint=sys.argv[1], bounds=Bounds(delay_seconds=60, **bounds))
    tracer = agenttrace.Tracer("support", exporter=exporter)
    with tracer.run() as run, run.step("tool", "last_words"):
        pass
    return tracer
"""


def run_python(code, endpoint):
    command = [sys.executable, "-W", "error", "-c", PREAMBLE + textwrap.dedent(code), endpoint]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def names(ingest_service):
    return [step.name for stream in ingest_service.streams for message in stream for step in message.steps]


def test_the_process_ends_by_the_signal_with_everything_delivered(endpoint, ingest_service):
    done = run_python("record(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)", endpoint)

    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")
    assert names(ingest_service) == ["last_words"]


def test_a_second_signal_ends_it_at_once():
    done = run_python(
        """
        import socket
        silent = socket.create_server(("127.0.0.1", 0))
        sys.argv[1] = "127.0.0.1:%d" % silent.getsockname()[1]
        record(exit_seconds=50)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(50)
        """,
        "",
    )

    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")


def test_a_handler_of_the_host_stays(endpoint, ingest_service):
    done = run_python(
        """
        def end(number, frame):
            sys.exit(7)
        signal.signal(signal.SIGTERM, end)
        record()
        assert signal.getsignal(signal.SIGTERM) is end
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
        """,
        endpoint,
    )

    assert (done.returncode, done.stderr) == (7, "")
    assert names(ingest_service) == ["last_words"], "by the ordinary end of the process"


def test_a_host_that_ignores_the_signal_goes_on_ignoring_it(endpoint):
    done = run_python(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        record()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        """,
        endpoint,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_handler_of_the_host_that_calls_ours_decides_itself_what_becomes_of_the_process(endpoint, ingest_service):
    done = run_python(
        """
        tracer = record()
        ours = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda *arguments: ours(*arguments))
        os.kill(os.getpid(), signal.SIGTERM)
        while not tracer.exporter.receipt().complete:
            time.sleep(0.01)
        with tracer.run() as run, run.step("tool", "still_here"):
            pass
        sys.exit(9)
        """,
        endpoint,
    )

    assert (done.returncode, done.stderr) == (9, "")
    assert names(ingest_service) == ["last_words", "still_here"]


def test_a_tracer_of_another_thread_touches_no_handler(endpoint):
    done = run_python(
        """
        thread = threading.Thread(target=record)
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        """,
        endpoint,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_disabled_touches_no_handler_and_no_spool(endpoint, tmp_path):
    done = run_python(
        f"""
        os.environ["AGENTTRACE_DISABLED"] = "1"
        tracer = agenttrace.Tracer("support", spool_directory={str(tmp_path / "spool")!r})
        with tracer.run() as run, run.step("tool", "x"):
            pass
        tracer.close()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        """,
        endpoint,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "spool").exists()
