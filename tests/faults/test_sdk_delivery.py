"""The SDK in processes that are killed, forked, full, cut off, or alone (F18, F21, F22, F24, F25, F26, F36)."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from faults.agent import Agent, Task, check, recorded_count, run
from faults.oracle import stored
from faults.processes import IngestProcess, Proxy
from faults.surroundings import network, small_disk

MakeTask = Callable[..., Task]
QUICK = {"delay_seconds": 0.05}
# Ends of an agent wait for a server so long at most.
BRIEF = QUICK | {"exit_seconds": 1.0}
NOWHERE = ("127.0.0.1", 1)


@pytest.fixture
def address() -> Iterator[Proxy]:
    """Where agents look for a server; where it leads is the test's to say, and at first nowhere."""
    with Proxy(NOWHERE) as proxy:
        yield proxy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "agent"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def task(address: Proxy, folder: Path, spool: Path) -> MakeTask:
    """Makes tasks of agents with a spool."""

    def make(**values: object) -> Task:
        given = {"endpoint": f"http://{address.address}", "folder": str(folder), "spool": str(spool), "bounds": BRIEF}
        return Task(**given | values)  # type: ignore[arg-type]

    return make


def lead(proxy: Proxy, service: IngestProcess) -> None:
    host, port = service.address.split(":")
    proxy.target = (host, int(port))


def files(spool: Path) -> list[str]:
    return sorted(path.name for path in spool.iterdir())


def test_what_a_killed_agent_had_on_disk_arrives_when_the_next_one_starts(
    task: MakeTask, address: Proxy, service: IngestProcess, connection: psycopg.Connection, folder: Path, spool: Path
) -> None:
    """F21: no server while it lives, and no time to say goodbye."""
    with Agent(task(runs=3, flush_seconds=0.3, then="wait")) as agent:
        receipt = [agent.line() for _ in range(4)][-1]
        agent.kill()
    assert (receipt["spooled"], receipt["accepted"], receipt["pending"]) == (306, 0, 0)
    lead(address, service)

    receipt = run(task(runs=1, steps=5, then="close"))

    assert (receipt["recovered"], receipt["accepted"], receipt["spooled"]) == (306, 7, 0)
    assert len(check(connection, folder, complete=True)) == 305
    assert files(spool) == []


@pytest.mark.faults
def test_agents_killed_at_any_moment_lose_nothing_they_were_told_is_safe(
    task: MakeTask, address: Proxy, service: IngestProcess, connection: psycopg.Connection, folder: Path, spool: Path,
    chance: random.Random,
) -> None:  # fmt: skip
    """F21 with a server: what was sent and not yet forgotten is sent again, and known."""
    lead(address, service)
    for _ in range(4):
        with Agent(task(runs=1000, steps=40, flush_seconds=0.02)) as agent:
            for _ in range(chance.randrange(3, 30)):
                agent.line()
            time.sleep(chance.random() / 50)
            agent.kill()

    assert run(task(runs=1, then="close"))["spooled"] == 0

    assert len(check(connection, folder)) > 4 * 40
    assert files(spool) == []


@pytest.mark.faults
def test_several_processes_share_a_directory(
    task: MakeTask, address: Proxy, service: IngestProcess, connection: psycopg.Connection, folder: Path, spool: Path
) -> None:
    """F24: three fill it, at once; two that start at once send it."""
    with contextlib.ExitStack() as stack:
        agents = [stack.enter_context(Agent(task(runs=20, steps=20))) for _ in range(3)]
        assert sum(agent.end()["pending"] for agent in agents) >= 0
    assert len([name for name in files(spool) if name.endswith(".spool")]) == 3
    lead(address, service)

    with contextlib.ExitStack() as stack:
        agents = [stack.enter_context(Agent(task(runs=20, steps=20, then="close"))) for _ in range(2)]
        receipts = [agent.end() for agent in agents]

    assert sum(receipt["recovered"] for receipt in receipts) >= 3 * 20 * 22
    assert [receipt["dropped"] + receipt["damaged"] for receipt in receipts] == [0, 0]
    assert len(check(connection, folder, complete=True)) == 5 * 20 * 20
    assert files(spool) == []


def test_forked_children_record_and_spool_for_themselves(
    task: MakeTask, address: Proxy, service: IngestProcess, connection: psycopg.Connection, folder: Path, spool: Path
) -> None:
    """F25: forked as a server of several workers does, while the parent's threads write and send."""
    lead(address, service)

    receipt = run(task(runs=30, steps=20, children=4, then="close", bounds={"delay_seconds": 0.001}))

    assert receipt["accepted"] + receipt["duplicate"] == 30 * 22, "the parent's own"
    assert len(check(connection, folder, complete=True)) == 5 * 30 * 20
    assert files(spool) == []


QUEUED = {"delay_seconds": 60.0, "batch_items": 100_000}


@pytest.mark.parametrize("spooled", [True, pytest.param(False, marks=pytest.mark.faults)], ids=["spool", "memory"])
def test_sigterm_delivers_what_is_queued_and_ends_the_process_as_it_would_have(
    task: MakeTask, address: Proxy, service: IngestProcess, connection: psycopg.Connection, folder: Path, spool: Path,
    spooled: bool,
) -> None:  # fmt: skip
    """F26 with a server."""
    lead(address, service)
    kept = str(spool) if spooled else None

    with Agent(task(runs=1, steps=10_000, then="wait", bounds=QUEUED, spool=kept)) as agent:
        assert agent.line()["pending"] == 10_002
        agent.process.terminate()

        assert agent.process.wait(20) == -signal.SIGTERM
        assert agent.warnings == []
    assert len(check(connection, folder, complete=True)) == 10_000


@pytest.mark.faults
def test_sigterm_without_a_server_leaves_everything_to_the_next_process(
    task: MakeTask, address: Proxy, service: IngestProcess, connection: psycopg.Connection, folder: Path, spool: Path
) -> None:
    """F26 without a server."""
    with Agent(task(runs=1, steps=10_000, then="wait", bounds=QUEUED)) as agent:
        assert agent.line()["pending"] == 10_002
        agent.process.terminate()

        assert agent.process.wait(20) == -signal.SIGTERM
    lead(address, service)

    receipt = run(task(runs=1, steps=1, then="close"))

    assert receipt["recovered"] == 10_002
    assert len(check(connection, folder, complete=True)) == 10_001
    assert files(spool) == []


def test_an_exit_with_a_full_queue_delivers_it(
    task: MakeTask, address: Proxy, service: IngestProcess, connection: psycopg.Connection, folder: Path
) -> None:
    """F26: the ordinary end."""
    lead(address, service)

    run(task(runs=1, steps=10_000, bounds=QUEUED, spool=None))

    assert len(check(connection, folder, complete=True)) == 10_000


@pytest.mark.faults
def test_an_agent_whose_server_never_was_ends_without_an_exception_and_with_one_warning(
    task: MakeTask, folder: Path
) -> None:
    with Agent(task(runs=600, steps=100, spool=None)) as agent:
        receipt = agent.end()
        warnings = agent.warnings

    assert receipt["pending"] + receipt["dropped"] == 600 * 102
    assert receipt["dropped"] > 0, "the queue was full"
    assert len(warnings) == 1
    assert warnings[0].startswith("agenttrace: ")


@pytest.mark.faults
@pytest.mark.parametrize("spooled", [True, False], ids=["spool", "memory"])
def test_an_outage_loses_nothing_with_a_spool_and_is_counted_without(
    task: MakeTask, address: Proxy, service: IngestProcess, connection: psycopg.Connection, folder: Path, spool: Path,
    spooled: bool, tmp_path: Path,
) -> None:  # fmt: skip
    """The server is killed, and started again, under an agent that goes on, and whose queue is small."""
    lead(address, service)
    kept = str(spool) if spooled else None
    bounds = {"delay_seconds": 0.01, "max_items": 3_000, "batch_items": 256}

    enough = tmp_path / "enough"
    busy = task(runs=3_000, enough=str(enough), bounds=bounds, spool=kept, then="close", flush_seconds=0.01)
    with Agent(busy) as agent:
        while not agent.line()["accepted"]:
            pass
        service.kill()
        receipts = [agent.line() for _ in range(150)]
        enough.touch()
        service.start()
        lead(address, service)
        receipt = agent.end()
        warnings = agent.warnings

    told = receipt["accepted"] + receipt["duplicate"] + receipt["dropped"] + receipt["pending"] + receipt["spooled"]
    recorded = recorded_count(folder)
    assert told == recorded + recorded // 100 * 2, "and the two ends of each run"
    if spooled:
        assert max(line["spooled"] for line in receipts) > 3_000
        assert len(check(connection, folder, complete=True)) == recorded
        assert files(spool) == []
    else:
        assert receipt["dropped"] > 0
        assert len(stored(connection)) < told
        check(connection, folder)
    assert len(warnings) == 1
    # Without a spool the queue may be full before the second try fails: it is one warning of the same outage.
    first = ("agenttrace: upload failed (UNAVAILABLE)", "agenttrace: the queue is full")
    assert warnings[0].startswith(first[:1] if spooled else first)


@pytest.mark.faults
def test_a_database_that_is_away_leaves_everything_in_the_spool_until_it_is_back(
    task: MakeTask, address: Proxy, serve: Callable[..., IngestProcess], database_url: str,
    connection: psycopg.Connection, folder: Path, spool: Path, tmp_path: Path,
) -> None:  # fmt: skip
    """F8: the service is there and refuses, with the time to try again."""
    parts = conninfo_to_dict(database_url)
    database = str(parts["host"]), int(str(parts["port"]))
    with Proxy(database) as way:
        service = serve(database_url=make_conninfo(database_url, host="127.0.0.1", port=way.port))
        lead(address, service)
        bounds = {"delay_seconds": 0.01, "max_items": 3_000, "batch_items": 256}
        enough = tmp_path / "enough"
        busy = task(runs=3_000, enough=str(enough), bounds=bounds, flush_seconds=0.02, then="close")
        with Agent(busy) as agent:
            while not agent.line()["accepted"]:
                pass
            way.target = NOWHERE
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'agenttrace-ingest%' AND datname = current_database()"
            )
            while agent.line()["spooled"] < 4_000:
                pass
            enough.touch()
            way.target = database
            receipt = agent.end()
            warnings = agent.warnings

        assert (receipt["dropped"], receipt["pending"], receipt["spooled"]) == (0, 0, 0)
        assert len(check(connection, folder, complete=True)) == recorded_count(folder) > 4_000
        assert len(warnings) <= 1, "the service may hold a call for as long as the database is away"
        service.terminate()
        service.wait()


@pytest.mark.faults
def test_servers_that_drain_under_load_are_no_event_for_agents(
    task: MakeTask, address: Proxy, serve: Callable[..., IngestProcess], connection: psycopg.Connection, tmp_path: Path
) -> None:
    """F36, from the agents' side: one server after the other makes way for the next; nobody is told of it."""
    services = [serve()]
    lead(address, services[0])
    enough = tmp_path / "enough"
    with contextlib.ExitStack() as stack:
        agents = [
            stack.enter_context(
                Agent(
                    task(
                        folder=str(tmp_path / f"agent-{number}"), spool=None, runs=1_000_000, steps=20,
                        flush_seconds=5, enough=str(enough), then="close", bounds={"delay_seconds": 0.001},
                    )
                )
            )
            for number in range(4)
        ]  # fmt: skip
        for _ in range(3):
            services.append(serve())
            for agent in agents:
                for _ in range(10):
                    agent.line()
            lead(address, services[-1])
            services[-2].terminate()
        enough.touch()
        receipts = [agent.end() for agent in agents]
        warnings = [line for agent in agents for line in agent.warnings]

    assert [service.wait() for service in services[:-1]] == [0, 0, 0]
    assert {(receipt["pending"], receipt["dropped"], receipt["rejected"]) for receipt in receipts} == {(0, 0, 0)}
    assert warnings == []
    recorded = sum(recorded_count(tmp_path / f"agent-{number}") for number in range(4))
    assert connection.execute("SELECT count(*) FROM agent_steps").fetchone() == (recorded,)
    for service in services:
        service.assert_log_is_calm()


@pytest.mark.faults
def test_a_full_disk_is_counted_and_no_exception(
    task: MakeTask, address: Proxy, service: IngestProcess, connection: psycopg.Connection, folder: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    """F22: what does not fit on the disk waits in memory, what does not fit there is counted, the rest arrives."""
    with small_disk(tmp_path / "disk", "600k") as disk:
        bounds = {"delay_seconds": 0.01, "max_items": 3_000, "batch_items": 256, "heartbeat_seconds": 0.2}
        with Agent(
            task(runs=150, steps=100, spool=str(disk), bounds=bounds, flush_seconds=0.01, then="close")
        ) as agent:
            receipts = [agent.line() for _ in range(150)]
            assert receipts[-1]["dropped"] > 0
            assert receipts[-1]["spooled"] > 0
            lead(address, service)
            receipt = agent.end()
            warnings = agent.warnings

        assert receipt["accepted"] + receipt["duplicate"] + receipt["dropped"] == 150 * 102
        check(connection, folder)
        assert files(disk) == []
    assert {line.split("(")[0] for line in warnings} == {
        "agenttrace: the spool cannot be written ",
        "agenttrace: upload failed ",
    }


@pytest.mark.faults
def test_a_partition_is_waited_out(
    task: MakeTask, serve: Callable[..., IngestProcess], connection: psycopg.Connection, folder: Path, spool: Path
) -> None:
    """F18: the link is down for longer than a call may take; the agent goes on, and everything arrives."""
    with network() as there:
        service = serve(ingest_address=f"{there.ours}:0", insecure="true", authentication="none")
        bounds = {"delay_seconds": 0.05, "timeout_seconds": 5.0, "max_items": 3_000}
        late = task(
            endpoint=f"http://{service.address}", runs=200, steps=50, flush_seconds=0.02, bounds=bounds, then="close"
        )
        with Agent(late, prefix=there.inside) as agent:
            while not agent.line()["accepted"]:
                pass
            there.link("down")
            time.sleep(30)
            there.link("up")
            receipt = agent.end()

        assert (receipt["dropped"], receipt["pending"], receipt["spooled"]) == (0, 0, 0)
        assert len(check(connection, folder, complete=True)) == 200 * 50
        assert any("DEADLINE_EXCEEDED" in line or "UNAVAILABLE" in line for line in agent.warnings)
