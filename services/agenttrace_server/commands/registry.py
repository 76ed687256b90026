"""`agenttrace-server registry enable | disable | add | remove | learn | list`."""

from __future__ import annotations

import argparse

from agenttrace_server.commands.output import print_rows
from agenttrace_server.config import Config
from agenttrace_server.local_database import existing_database
from agenttrace_server.store import registry

_DEFAULT_PROJECT = "default"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(required=True, metavar="ACTION")
    enable = commands.add_parser("enable", help="accept registered names only; within 30 s")
    enable.set_defaults(command=_set_mode, is_enabled=True)
    disable = commands.add_parser("disable", help="accept any name; within 30 s")
    disable.set_defaults(command=_set_mode, is_enabled=False)
    learn = commands.add_parser("learn", help="register the names of everything that is stored; look at them")
    learn.set_defaults(command=_learn)
    adding = commands.add_parser("add", help="register names")
    adding.set_defaults(command=_add)
    removing = commands.add_parser("remove", help="remove names")
    removing.set_defaults(command=_remove)
    listing = commands.add_parser("list", help="list what is registered")
    listing.add_argument("--kind", choices=registry.KINDS)
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(command=_list)
    for command in (adding, removing):
        command.add_argument("kind", choices=registry.KINDS, metavar="KIND", help=", ".join(registry.KINDS))
        command.add_argument("names", nargs="+", metavar="NAME")
    for command in (enable, disable, learn, adding, removing, listing):
        command.add_argument(
            "--project", default=_DEFAULT_PROJECT, metavar="NAME", help="the default project if left out"
        )


def _set_mode(settings: Config, options: argparse.Namespace) -> int:
    with existing_database(settings) as url:
        registry.set_mode(url, options.project, is_enabled=options.is_enabled)
    accepted = "registered names only" if options.is_enabled else "any name"
    print(f"project {options.project} accepts {accepted}; running services follow within 30 s")
    return 0


def _learn(settings: Config, options: argparse.Namespace) -> int:
    with existing_database(settings) as url:
        count = registry.learn(url, options.project)
    print(f"registered {count} names: look at them with `agenttrace-server registry list`")
    return 0


def _add(settings: Config, options: argparse.Namespace) -> int:
    with existing_database(settings) as url:
        count = registry.add(url, options.project, options.kind, options.names)
    print(f"registered {count} of {len(options.names)}; the others were")
    return 0


def _remove(settings: Config, options: argparse.Namespace) -> int:
    with existing_database(settings) as url:
        count = registry.remove(url, options.project, options.kind, options.names)
    print(f"removed {count} of {len(options.names)}; the others were not registered")
    return 0


def _list(settings: Config, options: argparse.Namespace) -> int:
    with existing_database(settings) as url:
        found = registry.entries(url, options.project, options.kind)
    print_rows(found, ("kind", "name"), as_json=options.json)
    return 0
