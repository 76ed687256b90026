"""`agenttrace-server keys create | list | revoke`."""

from __future__ import annotations

import argparse
import dataclasses
import re
from datetime import timedelta

from agenttrace_server.api_keys import SCOPES, Peppers, is_key_id, key_id_of
from agenttrace_server.commands.output import print_json, print_rows
from agenttrace_server.config import Config
from agenttrace_server.errors import StartupError
from agenttrace_server.kept_secrets import with_known_pepper
from agenttrace_server.local_database import existing_database
from agenttrace_server.store import key_register

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhdw])", re.ASCII)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(required=True, metavar="ACTION")
    create = commands.add_parser("create", help="create a key and show it, this once")
    create.add_argument("name", metavar="NAME", help="what it is for, a token such as checkout-agent")
    create.add_argument("--project", default="default", metavar="NAME", help="what it writes and reads (default)")
    create.add_argument("--scope", action="append", required=True, metavar="SCOPE", help=", ".join(SCOPES))
    create.add_argument("--expires-in", type=_duration, metavar="TIME", help="as in 90d, 12h, 30m; otherwise never")
    create.set_defaults(command=_create)
    listing = commands.add_parser("list", help="list keys: what they may, until when, whether they live")
    listing.add_argument("--project", metavar="NAME", help="of this project alone")
    listing.set_defaults(command=_list)
    revoke = commands.add_parser("revoke", help="let a key count no more, within 30 seconds")
    revoke.add_argument("key", metavar="KEY", help="its id, or the whole of it")
    revoke.set_defaults(command=_revoke)
    for command in (create, listing, revoke):
        command.add_argument("--json", action="store_true", help="print JSON")


def _create(settings: Config, options: argparse.Namespace) -> int:
    scopes = _scopes(options.scope)
    with existing_database(settings) as url:
        # After the database: a private one takes no folder that something else has written to.
        known = with_known_pepper(settings)
        peppers = Peppers(known.key_pepper, known.key_pepper_previous)
        key, entry = key_register.create(url, peppers, options.project, options.name, scopes, options.expires_in)
    if options.json:
        print_json({"key": key.text, **dataclasses.asdict(entry)})
        return 0
    until = f"until {entry.expire_time:%Y-%m-%d %H:%M} UTC" if entry.expire_time else "until it is revoked"
    print(f"created key {entry.key_id} ({entry.name}) of project {entry.project}: {', '.join(scopes)}, {until}")
    print(f"\n  {key.text}\n\nIt is shown this once: keep it where secrets are kept, and set AGENTTRACE_API_KEY to it.")
    return 0


def _list(settings: Config, options: argparse.Namespace) -> int:
    with existing_database(settings) as url:
        found = key_register.entries(url, options.project)
    columns = ("key_id", "project", "name", "scopes", "state", "create_time", "expire_time", "pepper_id")
    print_rows(found, columns, as_json=options.json)
    return 0


def _revoke(settings: Config, options: argparse.Namespace) -> int:
    key_id = key_id_of(options.key) or options.key
    if not is_key_id(key_id):
        raise StartupError("that is no key and no key's id: see `agenttrace-server keys list`")
    with existing_database(settings) as url:
        entry = key_register.revoke(url, key_id)
    if options.json:
        print_json(dataclasses.asdict(entry))
    else:
        print(f"key {entry.key_id} ({entry.name}) of project {entry.project} counts no more, everywhere within 30 s")
    return 0


def _scopes(told: list[str]) -> list[str]:
    """The scopes of repeated options, each of which may hold several with commas between."""
    scopes = {scope for part in told for scope in part.split(",") if scope}
    if not scopes or scopes - set(SCOPES):
        raise StartupError(f"--scope takes {', '.join(SCOPES)}, or several with commas between")
    return [scope for scope in SCOPES if scope in scopes]


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError("must look like 90d, 12h or 30m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
