"""`agenttrace-server erase`."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys

from agenttrace_server import limits
from agenttrace_server.commands.output import print_json
from agenttrace_server.config import Config
from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.errors import StartupError
from agenttrace_server.kept_secrets import with_known_erasure_key
from agenttrace_server.local_database import existing_database
from agenttrace_server.store import erasures
from agenttrace_server.store.erasures import Receipt, Subject

_FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    "run_id": (limits.UUID, "a run's id is a UUID in its canonical form"),
    "session_id": (limits.TOKEN, "a session's id is a token: letters, digits and . _ : / @ + | -, 128 at most"),
    "user_key": (limits.USER_KEY, "a user key is 64 hex digits, as agenttrace.user_key() gives them"),
}


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument("--session", dest="session_id", metavar="ID", help="all runs of a session")
    subject.add_argument("--user-key", metavar="KEY", help="all runs of a user")
    subject.add_argument("--run", dest="run_id", metavar="ID", help="one run; -, here and above: read it from stdin")
    parser.add_argument("--project", default="default", metavar="NAME", help="whose it is (default)")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_erase)


def _erase(settings: Config, options: argparse.Namespace) -> int:
    subject = _subject(options)
    if not options.yes and not _confirmed(subject, options.project):
        raise StartupError("nothing was erased")
    with existing_database(settings) as url:
        # After the database: a private one takes no folder that something else has written to.
        known = with_known_erasure_key(settings)
        keys = ErasureKeys(known.erasure_key, known.erasure_key_previous)
        receipt = erasures.erase(url, keys, options.project, subject)
    if options.json:
        print_json(dataclasses.asdict(receipt))
    else:
        _print_receipt(receipt)
    return 0


def _subject(options: argparse.Namespace) -> Subject:
    field = next(name for name in _FORMS if getattr(options, name) is not None)
    value: str = getattr(options, field)
    if value == "-":
        # What stands in a command's arguments can be read by every user of the machine.
        value = sys.stdin.readline().strip()
    form, description = _FORMS[field]
    if not form.fullmatch(value):
        raise StartupError(description)
    return Subject(field, value)


def _confirmed(subject: Subject, project: str) -> bool:
    if not sys.stdin.isatty():
        raise StartupError("nobody can be asked here: add --yes")
    question = f"Erase all that is stored of this {subject.kind} in project {project}? It can not be undone. [y/N] "
    return input(question).strip().lower() in ("y", "yes")


def _print_receipt(receipt: Receipt) -> None:
    print(f"erased a {receipt.kind} of project {receipt.project}: erasure {receipt.erasure_id}")
    print(f"  runs      {receipt.run_count}")
    print(f"  steps     {receipt.step_count}")
    print(f"  failures  {receipt.failure_count}")
    print(f"  time      {receipt.time:%Y-%m-%d %H:%M:%S} UTC; what is sent for it from then on is refused as ERASED")
