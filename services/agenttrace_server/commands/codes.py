"""`agenttrace-server codes list | import`: the operator's catalogue of failure codes."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from agenttrace.v1 import failure_pb2
from agenttrace_server import limits
from agenttrace_server.commands.output import print_rows
from agenttrace_server.config import Config
from agenttrace_server.errors import StartupError
from agenttrace_server.local_database import existing_database
from agenttrace_server.read_records import CatalogueEntry
from agenttrace_server.store import catalogue

_TYPES = {name.removeprefix("FAILURE_TYPE_") for name, number in failure_pb2.FailureType.items() if number}
_MEMBERS = tuple(field.name for field in fields(CatalogueEntry))


def add(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(required=True, metavar="ACTION")
    listing = commands.add_parser("list", help="print the catalogue")
    listing.add_argument("--json", action="store_true", help="as `codes import` reads it")
    listing.set_defaults(command=_list)
    importing = commands.add_parser("import", help="add and change codes, from a file as `codes list --json` prints it")
    importing.add_argument("file", type=Path, metavar="FILE")
    importing.add_argument("--replace", action="store_true", help="remove the codes that are not in the file")
    importing.set_defaults(command=_import)


def read(text: str) -> list[CatalogueEntry]:
    """Return the entries of a file's text; raise StartupError, which says where, where it is no catalogue."""
    try:
        listed = json.loads(text)
    except json.JSONDecodeError as error:
        raise StartupError(f"no JSON at line {error.lineno}, column {error.colno}") from None
    if not isinstance(listed, list):
        raise StartupError("not a JSON list of codes; `agenttrace-server codes list --json` shows one")
    entries = [_entry(number, item) for number, item in enumerate(listed, 1)]
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(entries, 1):
        if (entry.type, entry.code) in seen:
            raise StartupError(f"code {number}: its type and code stand above it already")
        seen.add((entry.type, entry.code))
    return entries


def _entry(number: int, item: Any) -> CatalogueEntry:
    if not isinstance(item, dict) or set(item) != set(_MEMBERS) or not all(isinstance(v, str) for v in item.values()):
        raise StartupError(f"code {number}: must have the texts {', '.join(_MEMBERS)} and nothing else")
    entry = CatalogueEntry(**item)
    if entry.type not in _TYPES:
        raise StartupError(f"code {number}: type must be one of {', '.join(sorted(_TYPES))}")
    if not limits.TOKEN.fullmatch(entry.code):
        raise StartupError(f"code {number}: code must be a token, such as rate_limited")
    if not entry.title:
        raise StartupError(f"code {number}: title must not be empty")
    if "\0" in entry.title + entry.remedy:
        raise StartupError(f"code {number}: title and remedy must not hold NUL")
    return entry


def _list(settings: Config, options: argparse.Namespace) -> int:
    with existing_database(settings) as url:
        found = catalogue.read(url)
    print_rows(found, ("type", "code", "title"), as_json=options.json)
    return 0


def _import(settings: Config, options: argparse.Namespace) -> int:
    try:
        text = options.file.read_text(encoding="utf-8")
    except OSError as error:
        raise StartupError(f"can not read the file: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StartupError("the file is not UTF-8") from None
    entries = read(text)
    with existing_database(settings) as url:
        done = catalogue.write(url, entries, replace=options.replace)
    print(f"added {done.added}, changed {done.changed}, removed {done.removed}")
    return 0
