"""Projects, keys and roles as their operator handles them, and an agent that calls with a key."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest

import agenttrace
from agenttrace.v1 import query_service_pb2 as query
from agenttrace.v1 import query_service_pb2_grpc
from fix_keys import PEPPER, asking_for_keys, new_key, revoke, with_key
from fix_product import FREE_PORTS, Product, run_server, up
from fix_server import config_for, running
from items import batch, ended, new_id

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PRINTED_KEY = re.compile(r"^  (at_[a-z0-9]{12}_[0-9A-Za-z]{43})$", re.MULTILINE)


@pytest.fixture
def operate(database_url: str, tmp_path: Path) -> Run:
    """Runs `agenttrace-server` on the test's database."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        told = {"AGENTTRACE_SERVER_DATABASE_URL": database_url, "AGENTTRACE_SERVER_KEY_PEPPER": PEPPER}
        return run_server(*arguments, cwd=tmp_path, **(told | settings))

    return run


def json_of(done: subprocess.CompletedProcess[str]) -> Any:
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def lines_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    return done.stderr


def test_a_key_is_created_shown_once_listed_and_revoked(operate: Run, connection: psycopg.Connection) -> None:
    created = operate("keys", "create", "checkout", "--scope", "ingest", "--expires-in", "90d")
    (key,) = PRINTED_KEY.findall(created.stdout)
    key_id, secret = key.split("_")[1:]

    listed = operate("keys", "list")
    (entry,) = json_of(operate("keys", "list", "--json"))
    revoked = operate("keys", "revoke", key)
    (after,) = json_of(operate("keys", "list", "--json"))

    assert [created.returncode, listed.returncode, revoked.returncode] == [0, 0, 0]
    assert (entry["key_id"], entry["name"], entry["scopes"], entry["state"]) == (key_id, "checkout", ["ingest"], "live")
    lifetime = datetime.fromisoformat(entry["expire_time"]) - datetime.fromisoformat(entry["create_time"])
    assert lifetime == timedelta(days=90)
    assert (after["state"], entry["state"]) == ("revoked", "live")
    everything = connection.execute(
        "SELECT (SELECT string_agg(k::text, '') FROM api_keys k) || (SELECT string_agg(a::text, '') FROM audit_log a)"
    ).fetchone()
    assert everything
    for shown in (listed.stdout, json.dumps(after), revoked.stdout, everything[0]):
        assert secret not in shown


def test_every_change_is_audited_and_reading_is_not(operate: Run) -> None:
    operate("projects", "create", "shop")
    key = json_of(operate("keys", "create", "a", "--project", "shop", "--scope", "query", "--json"))
    for _ in range(2):  # the second time there is nothing to do
        operate("keys", "revoke", key["key_id"])
    operate("keys", "list")
    refused(operate("projects", "create", "shop"))
    refused(operate("keys", "create", "a", "--project", "nobody", "--scope", "query"))

    entries = json_of(operate("audit", "--json"))
    table = lines_of(operate("audit"))

    named = f"key:{key['key_id']}"
    assert [(e["action"], e["object"]) for e in entries] == [
        ("key.revoke", named), ("key.create", named), ("project.create", "project:shop"),
    ]  # fmt: skip
    assert {e["actor"] for e in entries} == {"root"} or all(e["actor"] for e in entries)
    assert len(table) == 4
    assert len(lines_of(operate("audit", "--limit", "1"))) == 2


def test_projects_are_listed_with_their_live_keys(operate: Run) -> None:
    created = json_of(operate("projects", "create", "shop", "--json"))
    for _ in range(2):
        key = json_of(operate("keys", "create", "a", "--project", "shop", "--scope", "ingest,query", "--json"))
    operate("keys", "revoke", key["key_id"])

    listed = json_of(operate("projects", "list", "--json"))

    assert [(p["name"], p["live_key_count"]) for p in listed] == [("default", 0), ("shop", 1)]
    assert created["project_id"] == listed[1]["project_id"]
    assert len(json_of(operate("keys", "list", "--project", "shop", "--json"))) == 2
    assert json_of(operate("keys", "list", "--project", "default", "--json")) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["projects", "create", "Two Words"], "a project's name is 1 to 63 of a-z, 0-9 and -"),
        (["projects", "create", "default"], "there is a project default already"),
        (["keys", "create", "two words", "--scope", "query"], "a key's name is a token"),
        (["keys", "create", "a", "--scope", "root"], "--scope takes ingest, query, admin"),
        (["keys", "create", "a", "--scope", "query", "--project", "nobody"], "there is no project nobody"),
        (["keys", "revoke", "aaaaaaaaaaaa"], "there is no key aaaaaaaaaaaa"),
        (["keys", "revoke", "x"], "that is no key and no key's id"),
        (["keys", "create", "a", "--scope", "query", "--expires-in", "soon"], "must look like 90d, 12h or 30m"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_said_in_a_line(operate: Run, arguments: list[str], says: str) -> None:
    assert says in refused(operate(*arguments)).splitlines()[-1]


def test_a_key_that_the_services_could_not_check_is_not_made(operate: Run) -> None:
    json_of(operate("keys", "create", "a", "--scope", "query", "--json"))
    other = {"AGENTTRACE_SERVER_KEY_PEPPER": "another pepper of 32 characters, or more"}

    assert "under another pepper" in refused(operate("keys", "create", "b", "--scope", "query", **other))
    taking_over = other | {"AGENTTRACE_SERVER_KEY_PEPPER_PREVIOUS": PEPPER}
    json_of(operate("keys", "create", "b", "--scope", "query", "--json", **taking_over))
    assert "set AGENTTRACE_SERVER_KEY_PEPPER" in refused(
        operate("keys", "create", "b", "--scope", "query", AGENTTRACE_SERVER_KEY_PEPPER="")
    )


def test_the_pepper_may_stand_in_a_file(operate: Run, tmp_path: Path, database_url: str) -> None:
    (tmp_path / "pepper").write_text(PEPPER + "\n")
    settings = {"AGENTTRACE_SERVER_DATABASE_URL": database_url}

    done = run_server(
        "keys", "create", "a", "--scope", "query", "--json", cwd=tmp_path, **settings,
        AGENTTRACE_SERVER_KEY_PEPPER_FILE=str(tmp_path / "pepper"),
    )  # fmt: skip

    with asking_for_keys(database_url) as services:
        request = query.ListFailureCodesRequest()
        assert services.query.ListFailureCodes(request, metadata=with_key(json_of(done)["key"])).failure_codes


def test_a_database_of_ones_own_is_not_migrated_by_the_way(empty_database_url: str, tmp_path: Path) -> None:
    done = run_server("keys", "list", cwd=tmp_path, AGENTTRACE_SERVER_DATABASE_URL=empty_database_url)

    assert "run `agenttrace-server migrate`" in refused(done)
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regclass('public.schema_migrations')").fetchone() == (None,)


@dataclass
class Keyed:
    """A running `up --keys`, and how its operator and its users call."""

    product: Product
    folder: Path

    def operate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        url = self.product.endpoints["database_url"]
        settings = {"AGENTTRACE_SERVER_DATABASE_URL": url, "AGENTTRACE_SERVER_KEY_PEPPER": PEPPER}
        return run_server(*arguments, cwd=self.folder, **settings)

    def key(self, *scopes: str, project: str = "default") -> str:
        arguments = ("keys", "create", "test", "--project", project, "--scope", ",".join(scopes), "--json")
        return str(json_of(self.operate(*arguments))["key"])

    def agenttrace(self, *arguments: str, key: str = "") -> subprocess.CompletedProcess[str]:
        """Run the users' command line with a key."""
        environment = self.product.environment | ({"AGENTTRACE_API_KEY": key} if key else {})
        command = [sys.executable, "-m", "agenttrace", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    def doctor(self, key: str = "") -> dict[str, tuple[str, str]]:
        """What doctor finds of a key, by service."""
        found = json.loads(self.agenttrace("doctor", "--json", key=key).stdout)
        return {f["subject"]: (f["result"], f["text"]) for f in found if f["subject"].startswith("key")}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    settings = {"AGENTTRACE_SERVER_KEY_PEPPER": PEPPER, "AGENTTRACE_SERVER_LOG_LEVEL": "DEBUG"}
    with up(folder, "--keys", **settings) as product:
        yield Keyed(product, folder)


def test_an_agent_records_with_its_key_and_people_read_with_theirs(
    keyed: Keyed, monkeypatch: pytest.MonkeyPatch
) -> None:
    json_of(keyed.operate("projects", "create", "shop", "--json"))
    agents, peoples, others = (
        keyed.key("ingest", project="shop"), keyed.key("query", project="shop"), keyed.key("query"),
    )  # fmt: skip
    monkeypatch.setenv("AGENTTRACE_API_KEY", agents)

    tracer = agenttrace.Tracer("checkout", endpoint=keyed.product.endpoints["ingest"])
    with tracer.run() as run, run.step("tool", "pay"):
        pass
    receipt = tracer.flush(timeout_seconds=20)
    tracer.close()
    seen = keyed.agenttrace("runs", "--json", key=peoples)
    elsewhere = keyed.agenttrace("runs", "--json", key=others)
    denied = keyed.agenttrace("runs", "--json", key=agents)
    without = keyed.agenttrace("runs", "--json")

    assert (receipt.accepted > 0, receipt.rejected, receipt.dropped) == (True, 0, 0)
    assert "checkout" in seen.stdout
    assert "checkout" not in elsewhere.stdout
    assert (elsewhere.returncode, denied.returncode != 0, without.returncode != 0) == (0, True, True)
    assert "scope" in denied.stderr
    assert "API key" in without.stderr


def test_an_sdk_without_a_key_drops_and_does_not_hurt_its_host(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTTRACE_API_KEY", raising=False)
    tracer = agenttrace.Tracer("checkout", endpoint=keyed.product.endpoints["ingest"])

    with tracer.run() as run, run.step("tool", "pay"):
        pass
    receipt = tracer.flush(timeout_seconds=5)
    tracer.close()

    assert receipt.accepted == 0


def test_doctor_says_what_is_wrong_with_a_key(keyed: Keyed) -> None:
    url = keyed.product.endpoints["database_url"]
    both, dead, old = (keyed.key("ingest", "query") for _ in range(3))
    revoke(url, dead)
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE api_keys SET create_time = now() - interval '2 h', expire_time = now() - interval '1 h' "
            "WHERE key_id = %s",
            [old.split("_")[1]],
        )

    told = {
        "right": keyed.doctor(both),
        "none": keyed.doctor(),
        "cut": keyed.doctor(both[:-1]),
        "foreign": keyed.doctor(both[:-5] + "AAAAA"),
        "revoked": keyed.doctor(dead),
        "expired": keyed.doctor(old),
        "query only": keyed.doctor(keyed.key("query")),
    }

    assert {name: (found["key for query"], found["key for ingest"][0]) for name, found in told.items()} == {
        "right": (("ok", "may read"), "ok"),
        "none": (("problem", "is missing, and needed"), "problem"),
        "cut": (("problem", "has not the form of a key"), "problem"),
        "foreign": (("problem", "is not known to this server"), "problem"),
        "revoked": (("problem", "was revoked"), "problem"),
        "expired": (("problem", "has expired"), "problem"),
        "query only": (("ok", "may read"), "warning"),
    }


def test_no_log_and_no_metric_holds_a_key_at_debug_level(keyed: Keyed) -> None:
    good, wrong = keyed.key("ingest", "query"), keyed.key("query")[:-5] + "AAAAA"
    for key in (good, wrong, "at_thisisnokeyatall"):
        keyed.agenttrace("runs", key=key)

    told = (keyed.folder / "up.log").read_text()
    for url in keyed.product.endpoints["metrics"].values():
        told += urllib.request.urlopen(url).read().decode()
    assert '"UNAUTHENTICATED"' in told
    assert [key for key in (good, wrong, "at_thisisnokeyatall") if key[-20:] in told or key[3:15] in told] == []


def test_up_with_keys_says_how_to_make_one(keyed: Keyed) -> None:
    printed = (keyed.folder / "up.log").read_text()

    assert "keys create NAME --scope ingest,query" in printed
    assert PEPPER not in printed


def test_up_keeps_its_secrets_and_its_keys_count_after_a_restart(tmp_path: Path) -> None:
    """In its own data folder: keys are made without a setting, whether `up` runs or not."""

    def read(product: Product, key: str, token: str = "") -> str:
        with grpc.insecure_channel(product.endpoints["query"]) as channel:
            stub = query_service_pb2_grpc.QueryServiceStub(channel)
            request = query.ListRunsRequest(page_size=1, page_token=token)
            return str(next(stub.ListRuns(request, metadata=with_key(key), timeout=20)).next_page_token)

    with kept_up(tmp_path):
        pass  # it makes the folder
    before = run_server("keys", "create", "a", "--scope", "ingest,query", "--json", cwd=tmp_path)
    key = json_of(before)["key"]
    with kept_up(tmp_path) as product:
        second = json_of(run_server("keys", "create", "b", "--scope", "query", "--json", cwd=tmp_path))["key"]
        for _ in range(2):
            record(product, key)
        token = read(product, key)
        read(product, second)
    with kept_up(tmp_path) as product:
        assert token
        read(product, key, token)
    files = list((tmp_path / ".agenttrace/secrets").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert {"key_pepper", "page_token_key"} <= {file.name for file in files}


def record(product: Product, key: str) -> None:
    from agenttrace.v1 import ingest_service_pb2_grpc

    with grpc.insecure_channel(product.endpoints["ingest"]) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        stub.RecordBatch(batch(runs=[ended(new_id())]), metadata=with_key(key), timeout=20)


def kept_up(folder: Path) -> Any:
    return up(folder, "--keys", ephemeral=False, **FREE_PORTS)


@pytest.mark.parametrize("service", ["ingest", "query"])
def test_an_open_address_is_refused_with_what_to_do(operate: Run, service: str) -> None:
    settings = {f"AGENTTRACE_SERVER_{name}_ADDRESS": "0.0.0.0:0" for name in ("INGEST", "QUERY")}

    line = refused(operate("serve", service, **settings))

    assert "0.0.0.0:0 can be reached from other machines and there is no TLS" in line
    assert "--insecure" in line


def test_up_refuses_an_open_address_before_anything_is_changed(tmp_path: Path) -> None:
    done = run_server("up", cwd=tmp_path, AGENTTRACE_SERVER_INGEST_ADDRESS="0.0.0.0:50951")

    assert "there is no TLS" in refused(done)
    assert list(tmp_path.iterdir()) == []


def test_insecure_opens_the_address_and_still_asks_for_keys(database_url: str) -> None:
    open_to_all = {"ingest_address": "0.0.0.0:0", "query_address": "0.0.0.0:0", "insecure": True, "key_pepper": PEPPER}
    with running(config_for(database_url, **open_to_all)) as services:
        with pytest.raises(grpc.RpcError) as error:
            services.query.ListFailureCodes(query.ListFailureCodesRequest(), timeout=20)
        key = new_key(database_url)
        assert services.query.ListFailureCodes(query.ListFailureCodesRequest(), metadata=with_key(key)).failure_codes
    assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_socket_file_is_served(database_url: str, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/query.sock"
    with running(config_for(database_url, query_address=address)) as services:
        assert services.query_address == address
        assert services.query.ListFailureCodes(query.ListFailureCodesRequest()).failure_codes
