"""Registry mode: a project accepts registered names only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import run_pb2, step_pb2
from agenttrace_server.errors import StartupError, StoreUnavailable
from agenttrace_server.ingest import encode
from agenttrace_server.ingest import registry as ingest_registry
from agenttrace_server.ingest.registry import Registered, Registry
from agenttrace_server.privacy import slots
from agenttrace_server.store import registry
from fix_product import run_server
from fix_server import Services
from items import batch, failure, new_id, run, step

NAMES = {
    "agent": ["support"], "step": ["lookup"], "tool": ["search"], "model": ["gpt-4o"], "version": ["1.4.0"],
    "environment": ["production"], "provider": ["openai"], "source": ["faq"], "finish_reason": ["stop"],
    "exception": ["TimeoutError"], "tag": ["beta"], "attribute": ["region", "size"], "value": ["eu"],
}  # fmt: skip


@pytest.fixture
def registered(database_url: str) -> None:
    """The default project in registry mode, with names of each kind."""
    registry.set_mode(database_url, "default", is_enabled=True)
    for kind, names in NAMES.items():
        assert registry.add(database_url, "default", kind, names) == len(names)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services ask the database for every message."""
    monkeypatch.setattr(ingest_registry, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(ingest_registry, "_RETRY_SECONDS", 0.0)


def full_run(**fields: Any) -> run_pb2.Run:
    known = {"agent_version": "1.4.0", "environment": "production", "session_id": new_id(), "tags": ["beta"]}
    made = run(new_id(), **{**known, **fields})
    made.attributes["region"].string_value = "eu"
    made.attributes["size"].int_value = 7
    return made


def full_step(**fields: Any) -> step_pb2.Step:
    model = {"provider": "openai", "request_model": "gpt-4o", "response_model": "gpt-4o", "finish_reason": "stop"}
    tool = {"name": "search", "call_id": "call_Ao02pnFYXD6GN1yzc0uXPsvF"}
    return step(new_id(), **{"model": model, "tool": tool, "retrieval": {"source": "faq"}, **fields})


def refused(response: pb.RecordBatchResponse) -> list[tuple[str, str, str]]:
    return [
        (
            pb.ItemKind.Name(r.kind).removeprefix("ITEM_KIND_"),
            pb.RejectionReason.Name(r.reason).removeprefix("REJECTION_REASON_"),
            pb.RejectionField.Name(r.field).removeprefix("REJECTION_FIELD_"),
        )
        for r in response.rejections
    ]


def test_registered_names_are_accepted_in_every_field(registered: None, services: Services) -> None:
    known = failure(new_id(), exception_type="TimeoutError")  # its code is in the catalogue

    response = services.ingest.RecordBatch(batch(runs=[full_run()], steps=[full_step()], failures=[known]))

    assert refused(response) == []
    assert (response.counts.runs.accepted, response.counts.failures.accepted) == (1, 1)


def test_a_token_that_is_not_registered_is_accepted_in_no_slot(registered: None, services: Services) -> None:
    """Single words of what people said: they are tokens, and nothing but the registry tells them from names."""
    for slot in slots.all_slots():
        for word in ("Economy", "HAT139", "mia_li_3668", "2024-05-20", "bXkgY2FyZCBpcyA0"):
            item = {"runs": full_run, "steps": full_step, "failures": lambda: failure(new_id())}[slot.items]()
            slot.put(item, word)

            response = services.ingest.RecordBatch(batch(**{slot.items: [item]}))

            assert len(response.rejections) == 1, (slot.name, word)


def test_bits_can_still_hide_in_ids_that_look_like_ids(registered: None, services: Services) -> None:
    """What registry mode does not claim: a text in hex is a session id like any other."""
    hidden = b"my card is 4111".hex()

    assert refused(services.ingest.RecordBatch(batch(runs=[full_run(session_id=hidden)]))) == []


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (lambda: {"runs": [full_run(agent_id="other")]}, ("RUN", "NOT_REGISTERED", "AGENT_ID")),
        (lambda: {"runs": [full_run(tags=["beta", "other"])]}, ("RUN", "NOT_REGISTERED", "TAGS")),
        (lambda: {"runs": [full_run(session_id="Economy")]}, ("RUN", "NOT_REGISTERED", "SESSION_ID")),
        (lambda: {"steps": [full_step(name="other")]}, ("STEP", "NOT_REGISTERED", "NAME")),
        (lambda: {"steps": [full_step(tool={"name": "other"})]}, ("STEP", "NOT_REGISTERED", "TOOL_NAME")),
        (lambda: {"steps": [full_step(name="two words")]}, ("STEP", "INVALID_TOKEN", "NAME")),
        (lambda: {"failures": [failure(new_id(), code="other")]}, ("FAILURE", "NOT_REGISTERED", "CODE")),
    ],
    ids=["agent", "tag", "session", "step", "tool", "no token", "code"],
)
def test_what_is_refused_is_told_by_its_field(
    registered: None, services: Services, item: Callable[[], dict[str, Any]], expected: tuple[str, str, str]
) -> None:
    assert refused(services.ingest.RecordBatch(batch(**item()))) == [expected]


def test_an_attribute_that_is_not_registered_is_left_out_and_its_item_kept(
    registered: None, services: Services, connection: psycopg.Connection
) -> None:
    made = full_run()
    made.attributes["region"].string_value = "Economy"
    made.attributes["other"].int_value = 1

    response = services.ingest.RecordBatch(batch(runs=[made]))

    assert refused(response) == [("ATTRIBUTE", "NOT_REGISTERED", "RUN_ATTRIBUTES")] * 2
    assert response.counts.runs.accepted == 1
    assert connection.execute("SELECT attributes FROM agent_runs").fetchall() == [({"size": 7},)]


def test_projects_that_are_not_in_registry_mode_accept_any_name(database_url: str, services: Services) -> None:
    registry.add(database_url, "default", "agent", ["support"])

    assert refused(services.ingest.RecordBatch(batch(runs=[full_run(agent_id="other")]))) == []


def test_a_running_service_follows_the_registry(database_url: str, at_once: None, services: Services) -> None:
    def outcome() -> list[str]:
        return [reason for _, reason, _ in refused(services.ingest.RecordBatch(batch(runs=[run(new_id())])))]

    before = outcome()
    registry.set_mode(database_url, "default", is_enabled=True)
    enabled = outcome()
    registry.add(database_url, "default", "agent", ["support"])
    known = outcome()
    registry.remove(database_url, "default", "agent", ["support"])
    removed = outcome()
    registry.set_mode(database_url, "default", is_enabled=False)

    assert (before, enabled, known, removed, outcome()) == ([], ["NOT_REGISTERED"], [], ["NOT_REGISTERED"], [])


def test_the_names_of_what_is_stored_are_learned(database_url: str, services: Services) -> None:
    services.ingest.RecordBatch(
        batch(runs=[full_run()], steps=[full_step()], failures=[failure(new_id(), exception_type="TimeoutError")])
    )

    count = registry.learn(database_url, "default")

    learned = {(entry.kind, entry.name) for entry in registry.entries(database_url, "default", None)}
    wanted = {(kind, name) for kind, names in NAMES.items() for name in names if kind != "value"}
    assert learned == wanted | {("code", "timeout")}
    assert count == len(learned)


def test_the_ingest_role_learns_names_by_the_function_alone(connection: psycopg.Connection, registered: None) -> None:
    connection.execute("SET ROLE agenttrace_ingest")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT FROM registered_names")

    row = connection.execute("SELECT * FROM find_registered_names(1)").fetchone()

    assert row is not None
    assert row[0] is True
    assert ("agent", "support") in set(zip(row[1], row[2], strict=True))


@pytest.mark.parametrize("role", ["agenttrace_query", "agenttrace_maintain", "agenttrace_grafana"])
def test_no_other_role_learns_them(connection: psycopg.Connection, role: str) -> None:
    connection.execute(f"SET ROLE {role}")  # type: ignore[arg-type]

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM find_registered_names(1)")


class Clock:
    """A clock, a database that answers or not, and how often it was asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.is_up = True
        self.asked = 0

    async def find(self, project_id: int) -> dict[str, frozenset[str]]:
        self.asked += 1
        if not self.is_up:
            raise StoreUnavailable
        return {"agent": frozenset([str(project_id)])}


def test_what_is_known_counts_for_a_while_without_the_database_and_then_no_longer() -> None:
    clock = Clock()
    asked = Registry(clock.find, lambda: clock.now)

    async def live() -> None:
        first = await asked.encoder(1)
        assert isinstance(first, Registered)
        clock.now = ingest_registry.REFRESH_SECONDS - 1
        assert await asked.encoder(1) is first
        assert clock.asked == 1
        clock.is_up, clock.now = False, ingest_registry.REFRESH_SECONDS + 1
        assert await asked.encoder(1) is first
        assert await asked.encoder(1) is first  # not asked again for every message
        assert clock.asked == 2
        clock.now = ingest_registry.LIFETIME_SECONDS + 1
        with pytest.raises(StoreUnavailable):
            await asked.encoder(1)
        clock.is_up = True
        assert await asked.encoder(1) is not first

    asyncio.run(live())


def test_a_database_that_never_answered_lets_nothing_in() -> None:
    clock = Clock()
    clock.is_up = False

    with pytest.raises(StoreUnavailable):
        asyncio.run(Registry(clock.find).encoder(1))


def test_a_project_in_no_registry_mode_has_the_encoder_of_all() -> None:
    async def find(_: int) -> None:
        return None

    assert asyncio.run(Registry(find).encoder(1)) is encode


def test_the_command_keeps_the_registry(database_url: str, tmp_path: Path) -> None:
    def command(*arguments: str) -> tuple[int, str]:
        done = run_server("registry", *arguments, cwd=tmp_path, AGENTTRACE_SERVER_DATABASE_URL=database_url)
        return done.returncode, done.stdout or done.stderr

    assert command("enable") == (
        0,
        "project default accepts registered names only; running services follow within 30 s\n",
    )
    assert command("add", "tool", "search", "book") == (0, "registered 2 of 2; the others were\n")
    assert command("remove", "tool", "book", "none") == (0, "removed 1 of 2; the others were not registered\n")
    assert command("list") == (0, "kind  name\ntool  search\n")
    assert command("add", "tool", "two words")[0] == 2
    assert command("list", "--project", "none") == (
        2,
        "agenttrace-server: there is no project none: see `agenttrace-server projects list`\n",
    )


def test_every_change_is_in_the_audit_log_and_no_name_is(database_url: str, connection: psycopg.Connection) -> None:
    registry.set_mode(database_url, "default", is_enabled=True)
    registry.add(database_url, "default", "agent", ["support"])
    with pytest.raises(StartupError):
        registry.learn(database_url, "none")

    entries = connection.execute("SELECT action, object FROM audit_log ORDER BY audit_id").fetchall()

    assert entries == [("registry.enable", "project:default"), ("registry.add", "project:default")]
