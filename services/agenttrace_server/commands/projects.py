"""`agenttrace-server projects create | list`."""

from __future__ import annotations

import argparse
import dataclasses

from agenttrace_server.commands.output import print_json, print_rows
from agenttrace_server.config import Config
from agenttrace_server.local_database import existing_database
from agenttrace_server.store import projects


def add(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(required=True, metavar="ACTION")
    create = commands.add_parser("create", help="create a project")
    create.add_argument("name", metavar="NAME", help="of a-z, 0-9 and -")
    create.set_defaults(command=_create)
    listing = commands.add_parser("list", help="list the projects")
    listing.set_defaults(command=_list)
    for command in (create, listing):
        command.add_argument("--json", action="store_true", help="print JSON")


def _create(settings: Config, options: argparse.Namespace) -> int:
    with existing_database(settings) as url:
        project = projects.create(url, options.name)
    if options.json:
        print_json(dataclasses.asdict(project))
    else:
        print(f"created project {project.name}; give it a key:")
        print(f"  agenttrace-server keys create NAME --project {project.name} --scope ingest")
    return 0


def _list(settings: Config, options: argparse.Namespace) -> int:
    with existing_database(settings) as url:
        found = projects.entries(url)
    print_rows(found, ("name", "create_time", "live_key_count"), as_json=options.json)
    return 0
