"""The console over real services, in this process; a real browser; what is wrong with a page for some who use it."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_playwright_python
import psycopg
from playwright.sync_api import Browser, Page, expect, sync_playwright

from agenttrace_server.config import Config
from agenttrace_server.server import Endpoints
from agenttrace_server.server.console import console_service
from agenttrace_server.store import sample
from fix_product import clean_environment
from fix_server import Services, config_for
from tools import tool

ROOT = Path(__file__).parents[1]
RECORDED = ROOT.parent / "shared/data/tau-bench/gpt-4o-airline.json"
SCREEN = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
# A browser that asks nothing of the world: only what the pages under test ask of the console.
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# A machine that is busy with something else is no fault of a page.
expect.set_options(timeout=20_000)


def console_config(services: Services, **settings: Any) -> Config:
    """The configuration of a console over services, on free ports."""
    free = {"console_address": "127.0.0.1:0", "console_metrics_port": 0}
    endpoint = {"console_query_endpoint": services.query_address}
    return config_for(services.database_url, **{**free, **endpoint, **settings})


@contextmanager
def serving(config: Config) -> Iterator[Endpoints]:
    """Run the console in a thread of its own for as long as the block runs."""
    started: Future[Endpoints] = Future()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        try:
            async with console_service(config) as endpoints:
                started.set_result(endpoints)
                await stop.wait()
        except BaseException as exc:
            if started.done():
                raise
            started.set_exception(exc)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="console")
    thread.start()
    try:
        yield started.result(timeout=30)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=30)
        loop.close()


def record(services: Services) -> None:
    """Store runs of every kind: sample data of a week, the example agent's, and recorded ones where they are here."""
    sample.load(services.database_url)
    programs = [["customer_support_agent.py", "--runs", "40"]]
    if RECORDED.exists():
        programs.append(["replay_tau_bench.py", str(RECORDED)])
    environment = clean_environment(AGENTTRACE_ENDPOINT=services.ingest_address)
    for program, *arguments in programs:
        command = [sys.executable, str(ROOT / "examples" / program), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    with psycopg.connect(services.database_url, autocommit=True) as connection:
        connection.execute("ANALYZE")  # as PostgreSQL does by itself within a minute


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tool("chromium", package="chromium"), args=_FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[Page]:
    """Open a page; whatever it complains of on its console, or throws, fails the test."""
    complaints: list[str] = []
    context = browser.new_context(**{"viewport": SCREEN, **options})
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    yield page
    context.close()
    # A status that a test has asked for is none of the page's doing.
    assert [said for said in complaints if not said.startswith("Failed to load resource")] == []


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong by WCAG 2.2 AA."""
    page.evaluate(_axe())
    found = page.evaluate(
        "async () => (await axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', "
        "'best-practice']})).violations"
    )
    return [f"{one['id']}: {node['html'][:200]} {node['failureSummary']}" for one in found for node in one["nodes"]]


@functools.cache
def _axe() -> str:
    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
