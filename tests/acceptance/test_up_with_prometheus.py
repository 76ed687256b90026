"""`agenttrace-server up --with-prometheus`: this machine's Prometheus, with our rules, on what runs here."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fix_product import Product, run_server, up
from prometheus_files import rules
from tools import tool


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A running `up`, whose ingest service has two workers."""
    tool("prometheus", package="prometheus")
    folder = tmp_path_factory.mktemp("watched")
    with up(folder, "--with-prometheus", AGENTTRACE_SERVER_INGEST_WORKERS="2") as product:
        yield product


def ask(product: Product, path: str) -> Any:
    with urllib.request.urlopen(f"{product.endpoints['prometheus']}/api/v1/{path}", timeout=10) as answer:
        return json.load(answer)["data"]


def test_it_says_where_the_alerts_are(watched: Product) -> None:
    said = (watched.endpoints_file.parent / "up.log").read_text()

    assert f"  alerts   {watched.endpoints['prometheus']}/alerts" in said.splitlines()


def test_it_knows_every_process_by_its_service(watched: Product) -> None:
    deadline = time.monotonic() + 30
    while not (found := ask(watched, "targets?state=active")["activeTargets"]) and time.monotonic() < deadline:
        time.sleep(0.1)

    urls = {(f"agenttrace-{name}", url) for name, urls in watched.endpoints["metrics_urls"].items() for url in urls}
    assert {(target["labels"]["job"], target["scrapeUrl"]) for target in found} == urls
    assert len(watched.endpoints["metrics_urls"]["ingest"]) == 2


def test_it_has_our_rules(watched: Product) -> None:
    found = [rule["name"] for group in ask(watched, "rules")["groups"] for rule in group["rules"]]

    assert sorted(found) == sorted(rule.name for rule in rules())


def test_it_keeps_exemplars(watched: Product) -> None:
    with urllib.request.urlopen(f"{watched.endpoints['prometheus']}/api/v1/status/flags", timeout=10) as answer:
        flags = json.load(answer)["data"]

    assert flags["enable-feature"] == "exemplar-storage"
    assert flags["storage.tsdb.retention.time"] == "31d"


def test_it_ends_with_the_services(tmp_path: Path) -> None:
    tool("prometheus", package="prometheus")
    with up(tmp_path, "--with-prometheus") as product:
        url = product.endpoints["prometheus"]

    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=5)


def test_without_the_program_it_says_what_to_install(tmp_path: Path) -> None:
    done = run_server("up", "--with-prometheus", cwd=tmp_path, PATH=os.fspath(tmp_path))

    assert done.returncode == 2
    assert "there is no `prometheus` on the PATH: install it (Debian and Ubuntu: apt install prometheus" in done.stderr
    assert list(tmp_path.iterdir()) == []
