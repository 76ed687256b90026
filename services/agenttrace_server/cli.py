"""The `agenttrace-server` command."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from agenttrace_server import config, demo, logs, process, server, supervisor, workers
from agenttrace_server.commands import audit, codes, erase, health, keys, privacy, projects, registry, roles
from agenttrace_server.config import Config
from agenttrace_server.embedded import launcher
from agenttrace_server.errors import ServiceError, StartupError
from agenttrace_server.local_database import existing_database, told_url
from agenttrace_server.store import migrations, sample


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 done, 1 failed, 2 it can not be done as asked."""
    options = _parser().parse_args(arguments)
    command: Callable[[Config, argparse.Namespace], int] = options.command
    try:
        settings = config.read()
        logs.configure(settings.log_level or "INFO")
        return command(_told(settings, options), options)
    except (StartupError, ServiceError) as error:
        print(f"agenttrace-server: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agenttrace-server",
        description="Run AgentTrace. Settings come from the environment, AGENTTRACE_SERVER_*.",
    )
    parser.add_argument("--version", action="version", version=f"agenttrace-server {version('agenttrace-server')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", help="run everything, on a private PostgreSQL when no database is set"))
    example = commands.add_parser("demo", help="run everything, record an example agent's runs, say where to look")
    example.add_argument("--exit", action="store_true", help="stop once the runs are recorded")
    example.set_defaults(command=_demo)
    serve = commands.add_parser("serve", help="run one service, on a database that is migrated")
    serve.add_argument("service", choices=sorted(process.SERVICES))
    serve.add_argument("--report-file", type=Path, metavar="FILE", help="write the endpoints to FILE when serving")
    serve.add_argument("--workers", type=int, metavar="N", help="ingest only: N processes on one port")
    serve.add_argument("--parent", type=int, metavar="PID", help="drain and end when this process, our parent, ends")
    serve.add_argument("--insecure", action="store_true", help="listen beyond loopback without TLS, or without keys")
    serve.set_defaults(command=_serve)
    for name, command, help_text in (
        ("migrate", _migrate, "bring the database to the schema of this release"),
        ("maintain", _maintain, "do one round of maintenance"),
        ("seed", _seed, "load the sample data"),
    ):
        commands.add_parser(name, help=help_text).set_defaults(command=command)
    for name, module, help_text in (
        ("roles", roles, "create the database roles, once for a database server, by one who may; give them passwords"),
        ("projects", projects, "create and list projects"),
        ("keys", keys, "create, list and revoke API keys"),
        ("erase", erase, "delete everything of a session, user or run, and keep it from coming back"),
        ("audit", audit, "list who created, revoked and erased what"),
        ("codes", codes, "list and import the catalogue of failure codes"),
        ("registry", registry, "let a project accept registered names only; keep its names"),
        ("health", health, "ask whether a service is ready; the exit code says it"),
        ("privacy", privacy, "verify that a running deployment stores no text"),
    ):
        module.add(commands.add_parser(name, help=help_text))
    return parser


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ephemeral", action="store_true", help="in a temporary folder, on free ports")
    parser.add_argument("--endpoints-file", type=Path, metavar="FILE", help="write the endpoints to FILE when healthy")
    parser.add_argument("--keys", action="store_true", help="let no call in without an API key, not even from here")
    parser.add_argument("--with-prometheus", action="store_true", help="run this machine's Prometheus with our alerts")
    parser.add_argument("--insecure", action="store_true", help="listen beyond loopback without TLS, or without keys")
    parser.set_defaults(command=_up)


def _told(settings: Config, options: argparse.Namespace) -> Config:
    """The settings with what the command line says instead."""
    if getattr(options, "insecure", False):
        settings = dataclasses.replace(settings, insecure=True)
    if getattr(options, "keys", False):
        settings = dataclasses.replace(settings, authentication="keys")
    return settings


def _up(settings: Config, options: argparse.Namespace) -> int:
    return supervisor.up(
        settings,
        ephemeral=options.ephemeral,
        endpoints_file=options.endpoints_file,
        with_prometheus=options.with_prometheus,
    )


def _demo(settings: Config, options: argparse.Namespace) -> int:
    return demo.demo(settings, exit_after=options.exit)


def _serve(settings: Config, options: argparse.Namespace) -> int:
    if options.parent:
        launcher.end_with(options.parent)
    if options.workers and options.service != "ingest":
        raise StartupError("--workers is for ingest: run more replicas of the others")
    count = options.workers or settings.ingest_workers
    if options.service == "ingest" and count > 1:
        return workers.serve_workers(options.service, settings, count, options.report_file)
    asyncio.run(process.serve(options.service, settings, options.report_file))
    return 0


def _migrate(settings: Config, _: argparse.Namespace) -> int:
    applied = migrations.migrate(told_url(settings))
    print("\n".join(applied) or f"nothing to do: the schema has version {migrations.expected_version()}")
    return 0


def _maintain(settings: Config, _: argparse.Namespace) -> int:
    done = asyncio.run(server.maintain_once(settings))
    print(", ".join(f"{name} {count}" for name, count in done.items()))
    return 0


def _seed(settings: Config, _: argparse.Namespace) -> int:
    with existing_database(settings) as url:
        run_count = sample.load(url)
    print(f"the sample data is loaded: {run_count} runs")
    return 0
