"""The `agenttrace-server` command."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from agenttrace_server import config, logs, process, server, supervisor, workers
from agenttrace_server.config import Config
from agenttrace_server.embedded import launcher
from agenttrace_server.errors import ServiceError, StartupError
from agenttrace_server.store import migrations, sample


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 done, 1 failed, 2 it can not be done as asked."""
    options = _parser().parse_args(arguments)
    command: Callable[[Config, argparse.Namespace], int] = options.command
    try:
        settings = config.read()
        logs.configure(settings.log_level)
        return command(settings, options)
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
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", help="run everything, on a private PostgreSQL when no database is set"))
    demo = commands.add_parser("demo", help="run everything, record an example agent's runs, say where to look")
    demo.add_argument("--exit", action="store_true", help="stop once the runs are recorded")
    demo.set_defaults(command=_demo)
    serve = commands.add_parser("serve", help="run one service, on a database that is migrated")
    serve.add_argument("service", choices=sorted(process.SERVICES))
    serve.add_argument("--report-file", type=Path, metavar="FILE", help="write the endpoints to FILE when serving")
    serve.add_argument("--workers", type=int, default=1, metavar="N", help="ingest only: N processes on one port")
    serve.add_argument("--parent", type=int, metavar="PID", help="drain and end when this process, our parent, ends")
    serve.set_defaults(command=_serve)
    for name, command, help_text in (
        ("roles", _roles, "create the database roles; once for a database server, by one who may"),
        ("migrate", _migrate, "bring the database to the schema of this release"),
        ("maintain", _maintain, "do one round of maintenance"),
        ("seed", _seed, "load the sample data"),
    ):
        commands.add_parser(name, help=help_text).set_defaults(command=command)
    return parser


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ephemeral", action="store_true", help="in a temporary folder, on free ports")
    parser.add_argument("--endpoints-file", type=Path, metavar="FILE", help="write the endpoints to FILE when healthy")
    parser.set_defaults(command=_up)


def _up(settings: Config, options: argparse.Namespace) -> int:
    return supervisor.up(settings, ephemeral=options.ephemeral, endpoints_file=options.endpoints_file)


def _demo(settings: Config, options: argparse.Namespace) -> int:
    return supervisor.demo(settings, exit_after=options.exit)


def _serve(settings: Config, options: argparse.Namespace) -> int:
    if options.parent:
        launcher.end_with(options.parent)
    if options.workers > 1:
        if options.service != "ingest":
            raise StartupError("--workers is for ingest: run more replicas of the others")
        return workers.serve_workers(options.service, settings, options.workers, options.report_file)
    asyncio.run(process.serve(options.service, settings, options.report_file))
    return 0


def _roles(settings: Config, _: argparse.Namespace) -> int:
    migrations.create_roles(_owner_url(settings))
    print("the roles agenttrace_owner, _ingest, _query, _maintain and _grafana exist")
    return 0


def _migrate(settings: Config, _: argparse.Namespace) -> int:
    applied = migrations.migrate(_owner_url(settings))
    print("\n".join(applied) or f"nothing to do: the schema has version {migrations.expected_version()}")
    return 0


def _maintain(settings: Config, _: argparse.Namespace) -> int:
    done = asyncio.run(server.maintain_once(settings))
    print(", ".join(f"{name} {count}" for name, count in done.items()))
    return 0


def _seed(settings: Config, _: argparse.Namespace) -> int:
    with supervisor.database(settings) as url:
        run_count = sample.load(url)
    print(f"the sample data is loaded: {run_count} runs")
    return 0


def _owner_url(settings: Config) -> str:
    if not settings.database_url:
        raise StartupError(f"no database: set {config.PREFIX}DATABASE_URL to the URL of its owner")
    return settings.database_url
