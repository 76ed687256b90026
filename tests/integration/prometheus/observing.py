"""The real Prometheus and Alertmanager on the real services, with the shipped configuration on a fast clock."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agenttrace_server.prometheus import write_configuration
from fix_product import Product
from integration.prometheus.load import Load
from integration.prometheus.prometheus_api import Prometheus
from integration.prometheus.webhook import Webhook
from ports import free_address
from prometheus_files import ROOT, shortened

RECORDED = ROOT.parent / "shared/data/tau-bench/gpt-4o-airline.json"
ALERTMANAGER = ROOT / "dashboards/alertmanager"
NOTHING_LISTENS = "127.0.0.1:1"


@dataclass
class Observed:
    """Services under load, what watches them, and who is told."""

    product: Product
    prometheus: Prometheus
    alertmanager_url: str
    webhook: Webhook
    load: Load
    agent: str


def until(condition: Callable[[], object], what: str, *, seconds: float = 120) -> None:
    """Wait for a condition; fail where it never holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)


def record(product: Product, load: Load, prometheus: Prometheus) -> str:
    """Replay the recorded runs, or those of the example agent where they are absent; return the agent's id."""
    program, agent = (
        (["replay_tau_bench.py", RECORDED], "tau-airline")
        if RECORDED.exists()
        else (["customer_support_agent.py"], "customer-support")
    )
    for one in (agent, load.STEADY, load.TURNING):
        load.introduce(one)
        # What a series was before it was first scraped has no increase.
        known = f'agenttrace_runs_finished_total{{agent="{one}"}} == 0'
        until(lambda known=known: prometheus.query(known), f"the agent {one} is seen")
    done = product.run(ROOT / "examples" / program[0], *program[1:])
    assert done.returncode == 0, done.stderr
    return agent


@contextmanager
def running_prometheus(folder: Path, product: Product, alertmanager_url: str) -> Iterator[Prometheus]:
    """Run Prometheus with what `up` would give it, whose minutes are seconds; one query service is not there."""
    targets = dict(product.endpoints["metrics_urls"])
    targets["query"] = [*targets["query"], f"http://{NOTHING_LISTENS}/metrics"]
    write_configuration(folder, targets)
    for file in (folder / "prometheus.yml", *(folder / "rules").glob("*.yml")):
        file.write_text(shortened(file.read_text()))
    (folder / "targets/alertmanager.json").write_text(
        f'[{{"targets": ["{alertmanager_url.removeprefix("http://")}"]}}]'
    )
    address = free_address()
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with running([*command, f"--web.listen-address={address}", "--log.level=warn"], f"http://{address}", folder):
        yield Prometheus(f"http://{address}")


@contextmanager
def running_alertmanager(folder: Path, webhook_url: str) -> Iterator[str]:
    """Run the Alertmanager with our configuration, which tells the test's webhook, at once; yield its URL."""
    shutil.copytree(ALERTMANAGER, folder)
    file = folder / "alertmanager.yml"
    text = file.read_text().replace("http://127.0.0.1:8060", webhook_url)
    text = re.sub(r"(group_wait|group_interval): \w+", r"\1: 1s", text)
    file.write_text(text)
    address = free_address()
    command = ["prometheus-alertmanager", f"--config.file={file}", f"--storage.path={folder}/data"]
    listen = [f"--web.listen-address={address}", "--cluster.listen-address=", "--log.level=warn"]
    with running([*command, *listen], f"http://{address}", folder):
        yield f"http://{address}"


@contextmanager
def running(command: list[str], url: str, folder: Path) -> Iterator[None]:
    """Run a program of the Prometheus project until the block ends, which begins when it is ready."""
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until(lambda: process.poll() is not None or answers(f"{url}/-/ready"), f"{command[0]} is ready")
            assert process.poll() is None, (folder / "log").read_text()
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
