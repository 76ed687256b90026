"""`agenttrace-server audit`."""

from __future__ import annotations

import argparse

from agenttrace_server.commands.output import print_rows
from agenttrace_server.config import Config
from agenttrace_server.local_database import existing_database
from agenttrace_server.store import audit


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="the latest N (100)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_list)


def _list(settings: Config, options: argparse.Namespace) -> int:
    with existing_database(settings) as url:
        found = audit.entries(url, max(1, options.limit))
    print_rows(found, ("time", "actor", "database_user", "action", "object"), as_json=options.json)
    return 0
