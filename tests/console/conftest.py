"""One console with recorded runs for all tests that only read; a browser for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from agenttrace import QueryClient
from fix_console import chromium, console_config, opened, record, serving
from fix_postgres import PostgresServer
from fix_server import Services, config_for, running


@pytest.fixture(scope="session")
def recorded(postgres: PostgresServer) -> Iterator[Services]:
    """Services with runs of every kind."""
    name = postgres.create(template=postgres.template)
    with running(config_for(postgres.url_of(name))) as services:
        record(services)
        yield services
    postgres.drop(name)


@pytest.fixture(scope="session")
def console(recorded: Services) -> Iterator[str]:
    """The URL of a console over the recorded runs."""
    with serving(console_config(recorded, grafana_url="https://grafana.example.com")) as endpoints:
        yield endpoints.address


@pytest.fixture(scope="session")
def api(recorded: Services) -> Iterator[QueryClient]:
    """What the pages are compared with."""
    with QueryClient(recorded.query_address) as client:
        yield client


# Not for the session: while the browser's driver runs, no other test of this process can run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of 1280 x 800."""
    with opened(browser) as ready:
        yield ready
