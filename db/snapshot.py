"""Writes db/schema.sql, what the migrations add up to; with --check compares and exits 1 where it differs.

Uses the embedded PostgreSQL and its pg_dump: another major version spells the same schema differently.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from agenttrace_server.embedded import EmbeddedPostgres
from agenttrace_server.embedded.binaries import find_binaries
from agenttrace_server.store import migrations

SNAPSHOT = Path(__file__).with_name("schema.sql")
_HEAD = "-- What db/migrations add up to. Written by `make schema`; a test compares. Daily partitions are left out.\n\n"
# pg_dump's own chatter, settings of its session, and since 2025 a random token.
_NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)\n", re.MULTILINE)


def main() -> int:
    """Write or check the snapshot; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    text = snapshot()
    if not check:
        SNAPSHOT.write_text(text)
    elif SNAPSHOT.read_text() != text:
        print("db/schema.sql is not what the migrations add up to: run `make schema`", file=sys.stderr)
        return 1
    return 0


def snapshot() -> str:
    """Return the schema that the migrations make on an empty database."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "data") as postgres:
        migrations.create_roles(postgres.url)
        migrations.migrate(postgres.url)
        return dump(postgres.url)


def dump(url: str) -> str:
    """Return a database's schema as pg_dump writes it, without what differs from day to day."""
    command = [str(find_binaries() / "pg_dump"), "--schema-only", "--exclude-table=agent_*_2???????", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return _HEAD + re.sub(r"\n{3,}", "\n\n", _NOISE.sub("", text)).strip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
