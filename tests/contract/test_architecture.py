"""Who may import whom, and how large things may grow."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "services" / "agenttrace_server"
SDK = ROOT / "clients" / "python" / "src" / "agenttrace"

# Importer -> what it must never import. The longest matching importer counts as well as the shorter ones.
FORBIDDEN = {
    "agenttrace_server.store": ("grpc", "agenttrace", "agenttrace_server.ingest", "agenttrace_server.query"),
    "agenttrace_server.ingest": ("psycopg", "psycopg_pool", "agenttrace_server.query"),
    "agenttrace_server.query": ("psycopg", "psycopg_pool", "agenttrace_server.ingest"),
    "agenttrace_server.interceptors": ("psycopg", "agenttrace_server.store"),
    "agenttrace_server.console": (
        "grpc",
        "psycopg",
        "agenttrace_server.store",
        "agenttrace_server.ingest",
        "agenttrace_server.query",
        "agenttrace_server.config",
    ),
    # The console and the command line use it: it must not bring a terminal to the one, nor a connection to either.
    "agenttrace.showing": ("rich", "grpc", "agenttrace.cli"),
    "agenttrace_server.embedded": ("grpc", "agenttrace", "agenttrace_server.store", "agenttrace_server.config"),
}
# These stand on the standard library alone.
PURE = ("agenttrace_server.records", "agenttrace_server.config", "agenttrace_server.errors", "agenttrace_server.limits")
MAY_USE_PROMETHEUS = ("agenttrace_server.metrics",)
# What the SDK's own command line shares with the console: how runs are found, ordered and spelt for people.
CONSOLE_PACKAGES = ("agenttrace.showing",)
# Types of arguments of the read client.
CONSOLE_TYPES = ("agenttrace.filters.RunFilters", "agenttrace.filters.FailureFilters", "agenttrace.filters.StepFilters")
GENERATED = ("_pb2.py", "_pb2_grpc.py", "limits.py")


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted([*SERVER.rglob("*.py"), *SDK.rglob("*.py")]):
        if not path.name.endswith(GENERATED[:2]):
            package = SERVER.parent if path.is_relative_to(SERVER) else SDK.parent
            yield ".".join(path.relative_to(package).with_suffix("").parts), ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_nobody_imports_what_they_must_not() -> None:
    found = [
        f"{importer} imports {name}"
        for importer, tree in modules()
        for package, forbidden in FORBIDDEN.items()
        if within(importer, (package,))
        for name in imports(tree)
        if within(name, forbidden)
    ]

    assert found == []


def test_records_errors_config_and_limits_stand_on_the_standard_library() -> None:
    import sys

    found = [
        f"{importer} imports {name}"
        for importer, tree in modules()
        if importer in PURE
        for name in imports(tree)
        if name.split(".")[0] not in sys.stdlib_module_names and not within(name, PURE)
    ]

    assert found == []


def test_the_server_uses_nothing_of_the_sdk_but_the_generated_contract() -> None:
    """The console aside: it is a client, and uses what every client may."""
    import agenttrace

    public = {f"agenttrace.{name}" for name in agenttrace.__all__}
    found = [
        f"{importer} imports {name}"
        for importer, tree in modules()
        if importer.startswith("agenttrace_server")
        for name in imports(tree)
        if within(name, ("agenttrace",)) and not within(name, ("agenttrace.v1",))
        if not (within(importer, ("agenttrace_server.console",)) and (name in public or name in CONSOLE_TYPES))
        if not (within(importer, ("agenttrace_server.console",)) and within(name, CONSOLE_PACKAGES))
    ]

    assert found == []


def test_the_environment_stops_at_config() -> None:
    found = [
        importer
        for importer, tree in modules()
        if importer.startswith("agenttrace_server") and importer != "agenttrace_server.config"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]

    assert found == []


def test_prometheus_stops_at_the_metrics_module() -> None:
    found = [
        importer
        for importer, tree in modules()
        if not within(importer, MAY_USE_PROMETHEUS)
        and any(within(name, ("prometheus_client",)) for name in imports(tree))
    ]

    assert found == []


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "common", "helpers", "models", "misc"}

    assert [name for name, _ in modules() if drawers & set(name.split("."))] == []


@pytest.mark.parametrize("kind", [ast.FunctionDef, ast.AsyncFunctionDef])
def test_no_function_is_over_50_lines(kind: type[ast.FunctionDef]) -> None:
    found = [
        f"{name}.{node.name}: {node.end_lineno - node.lineno + 1}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, kind) and node.end_lineno and node.end_lineno - node.lineno >= 50
    ]

    assert found == []


def test_no_file_is_over_300_lines() -> None:
    files = [path for folder in (SERVER, SDK) for path in folder.rglob("*.py") if not path.name.endswith(GENERATED)]

    assert [str(path) for path in files if len(path.read_text().splitlines()) > 300] == []
