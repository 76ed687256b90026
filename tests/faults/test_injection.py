"""What is sent is a value and never part of a statement; a token is what the server gave, or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import psycopg
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from agenttrace.v1 import query_service_pb2 as query
from faults.courier import explain
from fix_keys import asking_for_keys, new_key, new_project, with_key
from fix_server import Services
from items import batch, ended, failure, new_id, run, step

SQL = [
    "' OR '1'='1",
    "'; DROP TABLE agent_runs; --",
    '"; DELETE FROM agent_steps; --',
    "1); SELECT pg_sleep(30); --",
    "x' UNION SELECT usename FROM pg_user --",
    "$1",
    "%s",
    "%(run_id)s",
    "{0}",
    "\\'",
    "\\x27",
    "$$;SELECT/**/1;$$",
    "/*",
    "\0",
    "\u02bc OR 1=1",
    # Tokens, of SQL's own words: these may be names, and nothing but names.
    "a--b",
    "NULL",
    "DEFAULT",
    "pg_catalog.pg_class",
    "agent_runs",
    "run_id",
    "a::text",
    "a|b",
    "start_time-DESC",
    "0x27",
]
READS: dict[str, tuple[type[Message], Callable[[Services, Any], Any]]] = {
    "GetRun": (query.GetRunRequest, lambda s, r: s.query.GetRun(r, timeout=10)),
    "ListRuns": (query.ListRunsRequest, lambda s, r: list(s.query.ListRuns(r, timeout=10))),
    "ListSteps": (query.ListStepsRequest, lambda s, r: list(s.query.ListSteps(r, timeout=10))),
    "ListFailures": (query.ListFailuresRequest, lambda s, r: list(s.query.ListFailures(r, timeout=10))),
    "GetStats": (query.GetStatsRequest, lambda s, r: s.query.GetStats(r, timeout=10)),
    "WatchRuns": (query.WatchRunsRequest, lambda s, r: first_of(s.query.WatchRuns(r, timeout=10))),
}
TABLES = ("agent_runs", "agent_steps", "agent_failures")


def first_of(call: Any) -> Any:
    try:
        return next(call)
    finally:
        call.cancel()


def with_one_slot(kind: type[Message], text: str) -> Iterator[Any]:
    """Messages of a kind with the text in one string each: field, list, key or value, however deep."""
    for field in kind.DESCRIPTOR.fields:
        for set_slot in _slots(field, text):
            message = kind()
            set_slot(message)
            yield message


def _slots(field: FieldDescriptor, text: str) -> Iterator[Callable[[Any], object]]:
    name = field.name
    if field.type == FieldDescriptor.TYPE_STRING:
        yield lambda m: getattr(m, name).append(text) if field.is_repeated else setattr(m, name, text)
    elif field.message_type and field.message_type.GetOptions().map_entry:
        yield lambda m: setattr(getattr(m, name)[text], "string_value", "x")
        yield lambda m: setattr(getattr(m, name)["key"], "string_value", text)
    elif field.message_type and field.message_type.full_name.startswith("agenttrace."):
        for inner in with_one_slot(GetMessageClass(field.message_type), text):
            yield lambda m, inner=inner: getattr(m, name).CopyFrom(inner)


def contents(connection: psycopg.Connection) -> list[Any]:
    """All that is stored, as one digest a table."""
    digest = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} t"
    return [connection.execute(digest.format(table)).fetchone() for table in TABLES]  # type: ignore[arg-type]


def outcome(read: Callable[[Services, Any], Any], services: Services, request: Any) -> tuple[str, str, list[Any]]:
    """A call's status, what its error says, and its answer's messages."""
    try:
        answer = read(services, request)
    except grpc.RpcError as error:
        return error.code().name, str(error.details()), []
    return "OK", "", answer if isinstance(answer, list) else [answer]


@pytest.fixture
def filled(services: Services) -> Services:
    run_id = new_id()
    some = batch(runs=[ended(run_id), run(new_id())], steps=[step(run_id)], failures=[failure(run_id)])
    assert not services.ingest.RecordBatch(some, timeout=10).rejections
    return services


@pytest.mark.parametrize("call", READS)
def test_sql_in_any_string_of_a_question_is_a_value(
    filled: Services, connection: psycopg.Connection, call: str
) -> None:
    """F34: an answer or a refusal, nothing found by it, nothing changed by it."""
    kind, read = READS[call]
    before = contents(connection)
    asked = 0
    for text in SQL:
        for request in with_one_slot(kind, text):
            asked += 1
            status, said, answer = outcome(read, filled, request)
            assert status in ("OK", "INVALID_ARGUMENT", "NOT_FOUND"), request
            assert text not in said
            assert not any(getattr(part, "runs", ()) for part in answer)

    print(f"{call}: {asked} requests")
    assert contents(connection) == before
    assert asked


@pytest.mark.parametrize(("kind", "make"), [("runs", run), ("steps", step), ("failures", failure)])
def test_sql_in_any_string_of_an_item_is_a_value(
    filled: Services, connection: psycopg.Connection, kind: str, make: Callable[..., Any]
) -> None:
    """F34: refused, or stored and read back as it was sent; what was there before stays."""
    before = {table: connection.execute(f"SELECT t::text FROM {table} t").fetchall() for table in TABLES}
    accepted = rejected = 0
    for text in SQL:
        for slot in with_one_slot(type(make(new_id())), text):
            item = make(new_id())
            item.MergeFrom(slot)
            response = filled.ingest.RecordBatch(batch(**{kind: [item]}), timeout=10)
            counts = getattr(response.counts, kind)
            accepted, rejected = accepted + counts.accepted, rejected + counts.rejected
            assert counts.accepted + counts.rejected == 1, item

    print(f"{kind}: {accepted} accepted, {rejected} rejected")
    assert accepted > 10
    assert rejected > 100
    for table in TABLES:
        after = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
        assert set(before[table]) <= set(after)
    column = {"runs": "agent_id", "steps": "name", "failures": "code"}[kind]
    stored = {name for (name,) in connection.execute(f"SELECT {column} FROM agent_{kind}")}
    assert {"a--b", "NULL", "pg_catalog.pg_class", "a::text"} <= stored


def test_a_filter_knows_no_wildcards(services: Services) -> None:
    services.ingest.RecordBatch(batch(runs=[ended(new_id(), agent_id="supportX")]), timeout=10)

    for text in ("support_", "support.", "_upportX", "supportX|x"):
        request = query.ListRunsRequest(filter=query.RunFilter(agent_ids=[text]))
        assert not any(chunk.runs for chunk in services.query.ListRuns(request, timeout=10))


@pytest.fixture
def two_projects(database_url: str) -> Iterator[tuple[Services, Any, Any]]:
    """Services, and the metadata of a key in each of two projects with runs enough for two pages."""
    new_project(database_url, "other")
    mine, theirs = (with_key(new_key(database_url, project)) for project in ("default", "other"))
    with asking_for_keys(database_url) as services:
        for metadata in (mine, theirs):
            some = batch(runs=[ended(new_id()) for _ in range(4)])
            assert not services.ingest.RecordBatch(some, metadata=metadata, timeout=10).rejections
        yield services, mine, theirs


def test_a_page_token_counts_for_its_own_listing_only(two_projects: tuple[Services, Any, Any]) -> None:
    """F35: damaged, another's, of another listing, and huge."""
    services, mine, theirs = two_projects

    def runs(token: str, metadata: Any = mine, **filters: Any) -> Any:
        request = query.ListRunsRequest(page_size=2, limit=2, page_token=token, filter=query.RunFilter(**filters))
        return list(services.query.ListRuns(request, metadata=metadata, timeout=10))

    def steps(token: str) -> Any:
        request = query.ListStepsRequest(page_token=token)
        return list(services.query.ListSteps(request, metadata=mine, timeout=10))

    token = runs("")[-1].next_page_token
    assert len(runs(token)[0].runs) == 2

    for place, right in enumerate(token):
        for flip in (1, 2, 32):
            damaged = token[:place] + chr(ord(right) ^ flip) + token[place + 1 :]
            assert refused(lambda text=damaged: runs(text))
    assert refused(lambda: runs(token, theirs))
    assert refused(lambda: runs(token, agent_ids=["support"]))
    assert refused(lambda: steps(token))
    assert refused(lambda: runs("A" * 3_000_000))
    assert refused(lambda: runs(token * 1000))


def test_a_resume_token_counts_for_its_own_project_only(two_projects: tuple[Services, Any, Any]) -> None:
    services, mine, theirs = two_projects

    def watch(token: str, metadata: Any = mine) -> Any:
        request = query.WatchRunsRequest(resume_token=token)
        return first_of(services.query.WatchRuns(request, metadata=metadata, timeout=10))

    token = watch("").resume_token
    watch(token)

    for place, right in enumerate(token):
        damaged = token[:place] + chr(ord(right) ^ 1) + token[place + 1 :]
        assert refused(lambda text=damaged: watch(text), "INVALID_RESUME_TOKEN")
    assert refused(lambda: watch(token, theirs), "INVALID_RESUME_TOKEN")
    assert refused(lambda: watch("A" * 3_000_000), "INVALID_RESUME_TOKEN")


def refused(call: Callable[[], Any], reason: str = "INVALID_PAGE_TOKEN") -> bool:
    with pytest.raises(grpc.RpcError) as error:
        call()
    return explain(error.value)[:2] == ("INVALID_ARGUMENT", reason)
