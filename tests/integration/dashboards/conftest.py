"""PostgreSQL in two versions, with databases for the dashboards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agenttrace_server.embedded import EmbeddedPostgres
from fix_grafana import GrafanaDatabases
from fix_postgres import PostgresServer

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
NO_DEBIAN = pytest.mark.skipif(not DEBIAN, reason="no PostgreSQL in /usr/lib/postgresql")


@pytest.fixture(scope="session", params=["embedded", pytest.param("debian", marks=NO_DEBIAN)])
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrafanaDatabases]:
    binaries = DEBIAN[0] if request.param == "debian" else None
    folder = tmp_path_factory.mktemp(f"grafana_{request.param}")
    with EmbeddedPostgres(folder / "data", binaries=binaries, settings={"fsync": "off"}) as server:
        yield GrafanaDatabases(PostgresServer(server.url))
