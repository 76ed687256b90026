"""Who is let in, over the wire: by key, by scope, and no longer once a key is revoked."""

from __future__ import annotations

import queue
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from psycopg import sql

from agenttrace.v1 import query_service_pb2 as query
from agenttrace_server import authenticator
from agenttrace_server.api_keys import Peppers
from agenttrace_server.api_keys import new_key as form_of_key
from fix_keys import OTHER_PEPPER, PEPPER, asking_for_keys, new_key, refusal, revoke, with_key
from fix_postgres import PostgresServer
from fix_server import Services, config_for, running
from items import batch, ended, new_id, step, upload

Metadata = tuple[tuple[str, str], ...]
CALLS: dict[str, Callable[[Services, Metadata], Any]] = {
    "UploadSteps": lambda s, m: s.ingest.UploadSteps(iter([upload(runs=[ended(new_id())])]), metadata=m, timeout=20),
    "RecordBatch": lambda s, m: s.ingest.RecordBatch(batch(runs=[ended(new_id())]), metadata=m, timeout=20),
    "GetRun": lambda s, m: s.query.GetRun(query.GetRunRequest(run_id=new_id()), metadata=m, timeout=20),
    "ListRuns": lambda s, m: list(s.query.ListRuns(query.ListRunsRequest(), metadata=m, timeout=20)),
    "ListSteps": lambda s, m: list(s.query.ListSteps(query.ListStepsRequest(), metadata=m, timeout=20)),
    "ListFailures": lambda s, m: list(s.query.ListFailures(query.ListFailuresRequest(), metadata=m, timeout=20)),
    "GetStats": lambda s, m: s.query.GetStats(query.GetStatsRequest(), metadata=m, timeout=20),
    "WatchRuns": lambda s, m: next(s.query.WatchRuns(query.WatchRunsRequest(), metadata=m, timeout=20)),
    "ListFailureCodes": lambda s, m: s.query.ListFailureCodes(query.ListFailureCodesRequest(), metadata=m, timeout=20),
}
INGEST = ("UploadSteps", "RecordBatch")


@pytest.fixture
def keyed(database_url: str) -> Iterator[Services]:
    with asking_for_keys(database_url) as services:
        yield services


def refused(services: Services, call: str, metadata: Metadata) -> tuple[str, str, dict[str, str]]:
    with pytest.raises(grpc.RpcError) as error:
        CALLS[call](services, metadata)
    return refusal(error.value)


def unauthenticated(cause: str) -> tuple[str, str, dict[str, str]]:
    return "UNAUTHENTICATED", "UNAUTHENTICATED", {"cause": cause}


def runs_stored(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM agent_runs").fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize("call", CALLS)
def test_no_call_gets_in_without_a_key(keyed: Services, connection: psycopg.Connection, call: str) -> None:
    assert refused(keyed, call, ()) == unauthenticated("missing")
    assert refused(keyed, call, with_key(form_of_key().text)) == unauthenticated("unknown")
    assert runs_stored(connection) == 0


def test_every_call_of_the_contract_is_tried() -> None:
    from agenttrace.v1 import ingest_service_pb2

    files = (ingest_service_pb2.DESCRIPTOR, query.DESCRIPTOR)
    services = [service for file in files for service in file.services_by_name.values()]

    assert {method.name for service in services for method in service.methods} == set(CALLS)


@pytest.mark.parametrize("call", CALLS)
def test_a_call_needs_its_own_scope_and_no_other(keyed: Services, call: str) -> None:
    needed = "ingest" if call in INGEST else "query"
    others = [scope for scope in ("ingest", "query", "admin") if scope != needed]

    metadata = with_key(new_key(keyed.database_url, "default", needed))
    if call == "GetRun":
        assert refused(keyed, call, metadata)[1] == "RUN_NOT_FOUND"
    else:
        CALLS[call](keyed, metadata)
    denied = refused(keyed, call, with_key(new_key(keyed.database_url, "default", *others)))

    assert denied == ("PERMISSION_DENIED", "SCOPE_MISSING", {"scope": needed})


def test_a_key_that_does_not_count_is_told_why_to_whoever_has_it(
    keyed: Services, connection: psycopg.Connection
) -> None:
    url = keyed.database_url
    live, dead, old = new_key(url), new_key(url), new_key(url, expires_in=timedelta(days=1))
    revoke(url, dead)
    connection.execute(
        "UPDATE api_keys SET create_time = now() - interval '2 days', expire_time = now() - interval '1 s' "
        "WHERE key_id = %s",
        [old.split("_")[1]],
    )
    guessed = live[:-1] + ("A" if live[-1] != "A" else "B")
    guessed_of_dead = dead[:-1] + ("A" if dead[-1] != "A" else "B")

    told = [refused(keyed, "GetStats", with_key(key)) for key in (dead, old, guessed, guessed_of_dead, "at_x", "")]

    causes = ["revoked", "expired", "unknown", "unknown", "malformed", "malformed"]
    assert told == [unauthenticated(cause) for cause in causes]
    CALLS["GetStats"](keyed, with_key(live))


@pytest.mark.parametrize("header", ["bearer {}", "BEARER  {}"])
def test_the_scheme_may_be_spelt_as_http_does(keyed: Services, header: str) -> None:
    CALLS["GetStats"](keyed, (("authorization", header.format(new_key(keyed.database_url))),))


@pytest.mark.parametrize("header", ["{}", "Basic {}", "Bearer{}"])
def test_another_scheme_is_none(keyed: Services, header: str) -> None:
    told = refused(keyed, "GetStats", (("authorization", header.format(new_key(keyed.database_url))),))

    assert told == unauthenticated("malformed")


def test_health_and_reflection_need_no_key(database_url: str) -> None:
    with asking_for_keys(database_url, reflection=True) as services:
        health = health_pb2_grpc.HealthStub(services.ingest_channel).Check(health_pb2.HealthCheckRequest())
        listing = reflection_pb2.ServerReflectionRequest(list_services="")
        listed = next(
            reflection_pb2_grpc.ServerReflectionStub(services.query_channel).ServerReflectionInfo(iter([listing]))
        )

    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert "agenttrace.v1.QueryService" in [service.name for service in listed.list_services_response.service]


def test_refusals_are_counted_by_their_reason(keyed: Services) -> None:
    live = new_key(keyed.database_url, "default", "query")
    refused(keyed, "GetStats", ())
    for key in ("at_x", form_of_key().text, live[:-1] + ("A" if live[-1] != "A" else "B")):
        refused(keyed, "GetStats", with_key(key))
    refused(keyed, "RecordBatch", with_key(live))

    found: Counter[str] = Counter()
    for url in (keyed.query_metrics_url, keyed.ingest_metrics_url):
        for line in urllib.request.urlopen(url).read().decode().splitlines():
            if line.startswith("agenttrace_auth_failures_total{"):
                found[line.split('"')[1]] += int(float(line.split()[-1]))

    assert +found == {"missing": 1, "malformed": 1, "unknown": 1, "wrong_secret": 1, "scope": 1}


def test_without_authentication_a_call_needs_no_key_but_one_that_is_given_counts(database_url: str) -> None:
    with running(config_for(database_url, key_pepper=PEPPER)) as services:
        CALLS["RecordBatch"](services, ())
        CALLS["GetStats"](services, with_key(new_key(database_url)))
        told = refused(services, "GetStats", with_key(form_of_key().text))

    assert told == unauthenticated("unknown")


def test_keys_of_the_pepper_before_count_until_it_is_forgotten(database_url: str) -> None:
    old = new_key(database_url)
    taking_over = Peppers(OTHER_PEPPER, PEPPER)
    new = new_key(database_url, peppers=taking_over)

    with asking_for_keys(database_url, key_pepper=OTHER_PEPPER, key_pepper_previous=PEPPER) as services:
        for key in (old, new):
            CALLS["GetStats"](services, with_key(key))
    with asking_for_keys(database_url, key_pepper=OTHER_PEPPER) as services:
        CALLS["GetStats"](services, with_key(new))
        assert refused(services, "GetStats", with_key(old)) == unauthenticated("unknown")


def test_two_keys_live_at_once_and_one_takes_over_from_the_other(
    keyed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticator, "LIFETIME_SECONDS", 0.0)
    old, new = new_key(keyed.database_url), new_key(keyed.database_url)
    for key in (old, new):
        CALLS["RecordBatch"](keyed, with_key(key))

    revoke(keyed.database_url, old)

    CALLS["RecordBatch"](keyed, with_key(new))
    assert refused(keyed, "RecordBatch", with_key(old)) == unauthenticated("revoked")


def test_a_revocation_ends_calls_and_open_streams_within_30_seconds(keyed: Services) -> None:
    """With the lifetimes as they are: an upload stream that goes on, a watch that is idle, and new calls."""
    key = new_key(keyed.database_url)
    metadata = with_key(key)
    messages: queue.Queue[Any] = queue.Queue()
    begun, ended_at = threading.Event(), dict[str, float]()
    nothing = query.WatchRunsRequest(filter=query.RunFilter(agent_ids=["nobody"]))
    watch = keyed.query.WatchRuns(nothing, metadata=metadata, timeout=100)
    next(watch)
    uploading = keyed.ingest.UploadSteps.future(iter(messages.get, None), metadata=metadata, timeout=100)
    messages.put(upload(runs=[ended(new_id())]))
    CALLS["GetStats"](keyed, metadata)

    def until_refused(name: str, act: Callable[[], Any]) -> tuple[str, str, dict[str, str]]:
        begun.wait()
        try:
            while True:
                act()
                time.sleep(0.2)
        except grpc.RpcError as error:
            ended_at[name] = time.monotonic()
            return refusal(error)

    def upload_one() -> None:
        messages.put(upload(runs=[ended(new_id())]))
        if uploading.done():
            uploading.result()

    with ThreadPoolExecutor(3) as pool:
        acts = {
            "watch": lambda: next(watch),
            "upload": upload_one,
            "call": lambda: CALLS["GetStats"](keyed, metadata),
        }
        refusals = [pool.submit(until_refused, name, act) for name, act in acts.items()]
        revoke(keyed.database_url, key)
        revoked_at = time.monotonic()
        begun.set()
        found = [waiting.result(timeout=60) for waiting in refusals]
    messages.put(None)

    assert found == [unauthenticated("revoked")] * 3
    assert {name: at - revoked_at < 30 for name, at in ended_at.items()} == dict.fromkeys(acts, True)


def test_a_database_that_is_away_is_no_reason_to_doubt_a_key(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticator, "LIFETIME_SECONDS", 600.0)
    url = postgres.url_of(name := postgres.create(template=postgres.template))
    known, other = new_key(url), new_key(url)
    with asking_for_keys(url, pool_timeout_seconds=1.0) as services:
        CALLS["GetStats"](services, with_key(known))
        postgres.drop(name)

        told = [refused(services, "GetStats", with_key(key)) for key in (known, other)]
        revealed = refused(services, "RecordBatch", with_key(known))
        denied = refused(services, "GetStats", ())

    assert [status[:2] for status in told] == [("UNAVAILABLE", "STORE_UNAVAILABLE")] * 2
    assert revealed[:2] == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    assert denied == unauthenticated("missing")


def test_a_burst_of_calls_with_a_new_key_asks_the_database_once(
    database_url: str, connection: psycopg.Connection
) -> None:
    connection.execute(
        sql.SQL("ALTER DATABASE {} SET track_functions = 'all'").format(sql.Identifier(connection.info.dbname))
    )
    message = batch(steps=[step(new_id())])
    with asking_for_keys(database_url) as services:
        metadata = with_key(new_key(database_url))
        calls = [services.ingest.RecordBatch.future(message, metadata=metadata, timeout=60) for _ in range(200)]
        accepted = sum(call.result().counts.steps.accepted for call in calls)

    # The services' connections have told what they counted when they ended.
    questions = "SELECT calls FROM pg_stat_user_functions WHERE funcname = 'find_api_key'"
    assert (accepted, connection.execute(questions).fetchall()) == (1, [(1,)])
