"""The product that the programs are run against, and each language's report of its plan."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agenttrace_server.api_keys import Peppers
from agenttrace_server.store import key_register
from conformance.clients import Client, usable
from conformance.cutting import CuttingProxy
from conformance.plans import Plan
from fix_product import Product, up

PEPPER = "a pepper of 32 characters, or more"
# A made-up key of the right form.
UNKNOWN_KEY = "at_k1n4x8w2q7rz_aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4bC5dE6f"
CUT_AFTER_BYTES = 6_000


@dataclass(frozen=True)
class Conformance:
    """What came of one language's plan."""

    plan: Plan
    report: dict[str, Any]
    cuts: int

    def entry(self, case_id: str) -> dict[str, Any]:
        """Return the report's one entry of a case."""
        (found,) = [entry for entry in self.report["cases"] if entry["id"] == case_id]
        return dict(found)


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product that asks for keys and has low rates."""
    settings = {
        "AGENTTRACE_SERVER_AUTHENTICATION": "keys",
        "AGENTTRACE_SERVER_KEY_PEPPER": PEPPER,
        "AGENTTRACE_SERVER_RATE_LIMIT_ITEMS": "20",
    }
    with up(tmp_path_factory.mktemp("guarded"), **settings) as running:
        yield running


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Callable[[str], Client]:
    """Return a language's client, built once, whichever processes test it."""
    folder = tmp_path_factory.getbasetemp().parent

    def of(language: str) -> Client:
        found = usable(language)
        done = folder / f"built-{language}-{testrun_uid}"
        with (folder / f"build-{language}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                found.built()
                done.touch()
        return found

    return of


@pytest.fixture(scope="session")
def conformance(
    product: Product, guarded: Product, client: Callable[[str], Client], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Conformance]:
    """Return what came of a language's plan; it is run once."""
    done: dict[str, Conformance] = {}

    def of(language: str) -> Conformance:
        if language not in done:
            folder = tmp_path_factory.mktemp(language)
            done[language] = _run(client(language), folder, product, guarded)
        return done[language]

    return of


def _run(client: Client, folder: Path, product: Product, guarded: Product) -> Conformance:
    plan = Plan(f"{client.language}.{time.time_ns():x}")
    host, port = product.endpoints["query"].rsplit(":", 1)
    with CuttingProxy((host, int(port)), after_bytes=CUT_AFTER_BYTES) as proxy:
        endpoints = {
            **{name: product.endpoints[name] for name in ("ingest", "query")},
            "broken_query": proxy.address,
            **{f"guarded_{name}": guarded.endpoints[name] for name in ("ingest", "query")},
            "keys": _keys(guarded, plan.scope),
        }
        files = {name: folder / f"{name}.json" for name in ("plan", "endpoints", "report")}
        files["plan"].write_text(json.dumps(plan.document, indent=1))
        files["endpoints"].write_text(json.dumps(endpoints, indent=1))
        arguments = [part for name, file in files.items() for part in (f"--{name}", str(file))]
        done = client.run(client.conformance, *arguments)
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return Conformance(plan, json.loads(files["report"].read_text()), proxy.cuts)


def _keys(guarded: Product, scope: str) -> dict[str, str]:
    """Make keys of one language's own: rates are counted by key."""
    scopes = {"record": ("ingest", "query"), "read": ("query",), "limited": ("ingest",)}
    made = {
        name: key_register.create(
            guarded.endpoints["database_url"], Peppers(PEPPER), "default", f"{scope}.{name}", allowed, None
        )[0].text
        for name, allowed in scopes.items()
    }
    return {**made, "unknown": UNKNOWN_KEY}
