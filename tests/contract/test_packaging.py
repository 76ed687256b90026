"""What the two distributions carry, and that the client works beside what agents have installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from importlib.metadata import version
from pathlib import Path

import psycopg
import pytest

from agenttrace.v1 import step_pb2
from fix_product import Product

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "installed"
UV = Path(sys.executable).with_name("uv")
OK, ERROR = step_pb2.STEP_STATUS_OK, step_pb2.STEP_STATUS_ERROR
Install = Callable[..., Path]
# The oldest that the client allows, the last of each major version, and what is locked for the project.
BESIDE = [
    ("5.26.1", "1.64.3"),
    ("5.26.1", version("grpcio")),
    ("6.33.6", "1.64.3"),
    (version("protobuf"), version("grpcio")),
]
REQUIREMENTS = """
import importlib.metadata as m, json, re
name = lambda required: re.match(r"[A-Za-z0-9._-]+", required)[0].lower().replace("_", "-")
print(json.dumps({name(d.name): [name(r) for r in d.requires or [] if "extra ==" not in r] for d in m.distributions()}))
"""
UNREACHABLE = re.compile("connect|dns|resolve|timed out", re.IGNORECASE)
CLIENTS = ["openai==2.54.0", "anthropic==2.12.0", "aiohttp==3.14.5", "httpx==0.28.1", "requests==2.34.2", "sqlalchemy"]


def wheel(project: Path, folder: Path) -> zipfile.ZipFile:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=project, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def requirements(built: zipfile.ZipFile) -> list[str]:
    (name,) = [name for name in built.namelist() if name.endswith(".dist-info/METADATA")]
    required = message_from_bytes(built.read(name)).get_all("Requires-Dist") or []
    return sorted(line for line in required if "extra ==" not in line)


def test_the_client_needs_grpcio_and_protobuf_and_nothing_else(tmp_path: Path) -> None:
    with wheel(ROOT / "clients/python", tmp_path) as built:
        assert requirements(built) == ["grpcio>=1.64.3", "protobuf<8,>=5.26.1"]
        assert {"agenttrace/py.typed", "agenttrace/v1/run_pb2.pyi"} <= set(built.namelist())


def with_uv(python: Path) -> list[str | Path]:
    return [UV, "pip", "install", "--quiet", "--python", python]


def with_pip(python: Path) -> list[str | Path]:
    return [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Makes a virtual environment with the client's wheel and more, and returns its Python."""

    def make(*beside: str, by: Callable[[Path], list[str | Path]] = with_uv) -> Path:
        python = tmp_path / "venv/bin/python"
        wheel(ROOT / "clients/python", tmp_path).close()
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], check=True)
        command = [*by(python), *tmp_path.glob("*.whl"), *beside]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode and "CI" not in os.environ and UNREACHABLE.search(done.stderr):
            pytest.skip("the package registry cannot be reached")
        assert done.returncode == 0, done.stderr
        return python

    return make


def run_script(python: Path, script: str, product: Product) -> str:
    """Run one of our scripts with an installed client; return what it prints."""
    command = [python, "-W", "error", SCRIPTS / script]
    done = subprocess.run(command, env=product.environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(("protobuf", "grpcio"), BESIDE)
def test_the_client_records_and_reads_beside(install: Install, product: Product, protobuf: str, grpcio: str) -> None:
    python = install(f"protobuf=={protobuf}", f"grpcio=={grpcio}")

    done = json.loads(run_script(python, "record.py", product))

    assert done["versions"] == {"protobuf": protobuf, "grpcio": grpcio}
    assert done["home"].startswith(str(python.parents[1]))
    assert (done["complete"], done["missing"]) == (True, 0)
    assert done["steps"] == [["search", 1, ERROR], ["search", 2, OK], ["answer", 1, OK]]
    assert done["failures"] == [["timeout", True]]


def test_pip_brings_grpcio_and_protobuf_and_nothing_else(install: Install) -> None:
    python = install(by=with_pip)

    installed = json.loads(subprocess.run([python, "-c", REQUIREMENTS], check=True, capture_output=True).stdout)

    needed, names = set[str](), ["grpcio", "protobuf"]
    while names:
        needed.add(name := names.pop())
        names += [name for name in installed[name] if name not in needed]
    assert set(installed) == {"agenttrace-client", *needed}


def test_exceptions_of_the_clients_that_agents_use_have_codes(install: Install, product: Product) -> None:
    python = install(*CLIENTS)

    run_id = run_script(python, "raise_exceptions.py", product).strip()

    with psycopg.connect(product.endpoints["database_url"]) as connection:
        told = connection.execute(
            "SELECT s.name, f.code, f.http_status FROM agent_failures f JOIN agent_steps s USING (run_id, step_id) "
            "WHERE f.run_id = %s ORDER BY s.sequence",
            [run_id],
        ).fetchall()
    assert told == [
        ("openai.429", "rate_limited", 429),
        ("openai.401", "permission_denied", 401),
        ("openai.400", "invalid_arguments", 400),
        ("openai.503", "unavailable", 503),
        ("openai.nobody", "connection_failed", None),
        ("anthropic.429", "rate_limited", 429),
        ("anthropic.404", "not_found", 404),
        ("anthropic.529", "unavailable", 529),
        ("anthropic.nobody", "connection_failed", None),
        ("aiohttp.403", "permission_denied", 403),
        ("aiohttp.504", "timeout", 504),
        ("aiohttp.nobody", "connection_failed", None),
        ("httpx.502", "unavailable", 502),
        ("httpx.nobody", "connection_failed", None),
        ("requests.422", "invalid_arguments", 422),
        ("requests.nobody", "connection_failed", None),
        ("sqlalchemy.syntax", "tool_error", None),
        ("sqlalchemy.twice", "invalid_arguments", None),
    ]


@pytest.mark.parametrize(
    "bundled",
    [
        "db/migrations",
        "db/seed.sql",
        "examples/customer_support_agent.py",
        "examples/customer_support_codes.json",
        "dashboards/prometheus/prometheus.yml",
        "dashboards/prometheus/rules",
    ],
)
def test_the_server_carries_the_files_of_the_repository_that_it_reads(tmp_path: Path, bundled: str) -> None:
    source = ROOT / bundled
    files = sorted(source.iterdir()) if source.is_dir() else [source]

    with wheel(ROOT, tmp_path) as built:
        carried = {name: built.read(name) for name in built.namelist()}

    assert {
        f"agenttrace_server/bundled/{f.relative_to(ROOT)}": f.read_bytes() for f in files
    }.items() <= carried.items()
    assert "agenttrace_server/store/ingest.sql" in carried


def test_the_server_carries_the_pages_of_the_console(tmp_path: Path) -> None:
    console = ROOT / "services/agenttrace_server/console"
    files = [file for folder in ("templates", "static") for file in (console / folder).iterdir()]

    with wheel(ROOT, tmp_path) as built:
        carried = {name: built.read(name) for name in built.namelist()}

    assert {
        f"agenttrace_server/{f.relative_to(console.parent)}": f.read_bytes() for f in files
    }.items() <= carried.items()
