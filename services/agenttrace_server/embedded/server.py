"""Runs one server process on a data folder."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from agenttrace_server.embedded.errors import ServerFailedError
from agenttrace_server.embedded.postmaster import read_pid_file, remove_pid_file
from agenttrace_server.embedded.programs import Programs

HOST = "127.0.0.1"

DEVELOPMENT_SETTINGS: Mapping[str, str] = {
    "fsync": "on",  # acknowledged means committed, in development too
    "shared_buffers": "256MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",
    # No value may reach the log. Parameters and statements are left out; `terse` leaves out DETAIL and CONTEXT,
    # which quote keys and rows; and level `log` leaves out errors ("invalid input syntax for type uuid: …"),
    # which the client gets anyhow, and keeps what the server says of itself.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_messages": "log",
    "log_checkpoints": "off",
}

# Both pass: another program was quicker to take the port; sessions of a killed server have yet to notice.
_PASSING = ("Address already in use", "pre-existing shared memory block")
_ATTEMPTS = 6
# Recovery after a crash reads the log since the last checkpoint: seconds for a gigabyte.
_SECONDS_TO_START = 120.0
# Fast; then without a checkpoint, which the next start makes up for; then by force.
_WAYS_TO_STOP = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


def start_server(pgdata: Path, programs: Programs, settings: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server on a free port; return its process and the port once it accepts connections.

    Raises ServerFailedError with the reason the server gave.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        begin, port = programs.log.size(), free_port()
        process = _spawn(pgdata, programs, settings, port)
        if _becomes_ready(process, pgdata):
            return process, port
        passing = any(cause in programs.log.text(since=begin) for cause in _PASSING)
        if not passing or attempt == _ATTEMPTS:
            break
        time.sleep(0.1 * attempt)
    raise ServerFailedError(
        f"PostgreSQL does not start on {pgdata}: {programs.log.reason(since=begin)}; correct that (the log is "
        f"{programs.log.path}), or move the folder away to begin with an empty database"
    )


def stop_server(process: subprocess.Popen[bytes]) -> None:
    """Stop the server and wait for its end, at once where it has ended."""
    for way, seconds in _WAYS_TO_STOP:
        process.send_signal(way)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _spawn(pgdata: Path, programs: Programs, settings: Mapping[str, str], port: int) -> subprocess.Popen[bytes]:
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    # Last, so that no setting moves it. No Unix socket: its path may not be longer than 107 bytes.
    address = ["-h", HOST, "-p", str(port), "-k", ""]
    with programs.reaching(pgdata) as (path, descriptors):
        return programs.spawn("postgres", ["-D", path, *options, *address], descriptors=descriptors)


def _becomes_ready(process: subprocess.Popen[bytes], pgdata: Path) -> bool:
    """Wait until the server accepts connections; False where it ended instead or takes too long."""
    deadline = time.monotonic() + _SECONDS_TO_START
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if read_pid_file(pgdata) == (process.pid, "ready"):
                return True
            time.sleep(0.01)
    except BaseException:
        stop_server(process)
        raise
    stop_server(process)
    # Left where the server panicked, as it does over a damaged control file.
    remove_pid_file(pgdata, process.pid)
    return False
