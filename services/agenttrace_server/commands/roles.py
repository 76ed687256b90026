"""`agenttrace-server roles`."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from agenttrace_server import process
from agenttrace_server.commands.output import print_rows
from agenttrace_server.config import PREFIX, Config
from agenttrace_server.errors import StartupError
from agenttrace_server.local_database import told_url
from agenttrace_server.store import migrations, roles

# Those that serve; the owner logs in where the operator says so.
_GENERATED = ("ingest", "query", "maintain", "grafana")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--print", action="store_true", help="print the statements that create them, and do nothing")
    parser.add_argument(
        "--password-file",
        action="append",
        default=[],
        metavar="ROLE=FILE",
        help=f"let ROLE ({', '.join(roles.PURPOSES)}) log in with the password in FILE",
    )
    parser.add_argument(
        "--generate", type=Path, metavar="FILE", help="give the serving roles new passwords; write their URLs to FILE"
    )
    parser.add_argument("--grant-to", metavar="USER", help="let the database user USER act as all of them")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_roles)


def _roles(settings: Config, options: argparse.Namespace) -> int:
    if options.print:
        print(roles.statement() + ";")
        return 0
    url = told_url(settings)
    passwords = dict(map(_read_password, options.password_file))
    migrations.create_roles(url)
    if options.grant_to:
        roles.grant_all(url, options.grant_to)
    roles.set_passwords(url, passwords)
    if options.generate:
        _generate(url, options.generate)
    print_rows(roles.entries(url), ("role", "can_login", "purpose"), as_json=options.json)
    return 0


def _generate(url: str, file: Path) -> None:
    """Write the URLs first: a password that was set and not written would be lost."""
    passwords = {name: secrets.token_urlsafe(32) for name in _GENERATED}
    lines = [f"{PREFIX}{name.upper()}_DATABASE_URL={roles.url_of(url, name, passwords[name])}" for name in _GENERATED]
    # No setting of ours: Grafana's data source takes it.
    lines[-1] = f"# agenttrace_grafana: {lines[-1].partition('=')[2]}"
    try:
        process.write_atomically(file, "\n".join(lines) + "\n")
    except OSError as exc:
        raise StartupError(f"can not write {file}: {exc.strerror}") from None
    roles.set_passwords(url, passwords)


def _read_password(told: str) -> tuple[str, str]:
    name, equals, file = told.partition("=")
    name = name.removeprefix("agenttrace_")
    if name not in roles.PURPOSES or not equals:
        raise StartupError(f"--password-file must look like ingest=FILE; the roles are {', '.join(roles.PURPOSES)}")
    try:
        password = Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise StartupError(f"the password file of {name} can not be read") from None
    if not password:
        raise StartupError(f"the password file of {name} is empty")
    return name, password
