"""A connection of which one direction has died without a word (F19): both sides notice, and free it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from faults.agent import Agent, Task, check
from faults.conftest import Serve
from faults.processes import wait_until
from faults.surroundings import Network, network

_ESTABLISHED = "01"


def connections_of(there: Network) -> int:
    """How many established connections with the other host this one knows."""
    number = "".join(f"{int(part):02X}" for part in reversed(there.theirs.split(".")))
    tables = [Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return sum(remote.split(":")[0].endswith(number) and state == _ESTABLISHED for _, _, remote, state, *_ in rows)


@pytest.mark.faults
@pytest.mark.parametrize("lost", ["what the client sends", "what the server sends"])
def test_a_half_open_connection_is_freed_by_keepalive_and_the_client_starts_over(
    serve: Serve, connection: psycopg.Connection, tmp_path: Path, lost: str
) -> None:
    """The server pings after a minute and waits twenty seconds; a client's call ends by its deadline."""
    enough = tmp_path / "enough"
    with network() as there:
        service = serve(ingest_address=f"{there.ours}:0", insecure="true", authentication="none")
        task = Task(
            endpoint=f"http://{service.address}",
            folder=str(tmp_path / "agent"),
            spool=str(tmp_path / "spool"),
            runs=1_000_000,
            steps=20,
            flush_seconds=0.05,
            pause_seconds=0.05,
            enough=str(enough),
            then="close",
            bounds={"delay_seconds": 0.05, "timeout_seconds": 2.0},
        )
        with Agent(task, prefix=there.inside) as agent:
            while not agent.line()["accepted"]:
                pass
            assert connections_of(there) == 1
            if lost == "what the client sends":
                there.lose_what_it_sends()
            else:
                there.lose_what_it_is_sent()

            def keep_reading() -> bool:
                agent.line()  # its pipe must not fill up
                return connections_of(there) == 0

            wait_until(keep_reading, "the server has freed the connection", 100)
            there.mend()
            enough.touch()
            receipt = agent.end()

    assert (receipt["dropped"], receipt["pending"], receipt["spooled"]) == (0, 0, 0)
    check(connection, tmp_path / "agent", complete=True)
    service.assert_log_is_calm()
