"""Writes docs/configuration.md and .env.example from the server's settings; with --check compares them."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from agenttrace_server.config import PREFIX, Config

ROOT = Path(__file__).resolve().parent.parent
_PAGE_HEAD = """# Configuration of the server

Read once at start, from the environment. An unknown name under `AGENTTRACE_SERVER_` is an error. Written by
`make configuration` from `services/agenttrace_server/config.py`.

| setting | default | |
|---|---|---|
"""
_SDK = """
The SDK and the command line read `AGENTTRACE_ENDPOINT`, `AGENTTRACE_QUERY_ENDPOINT`, `AGENTTRACE_API_KEY` and
`AGENTTRACE_DISABLED`.
"""


def main() -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not what config.py says: run `make configuration`", file=sys.stderr)
        return 1 if stale else 0
    for path, text in files().items():
        path.write_text(text)
    return 0


def files() -> dict[Path, str]:
    """Return the text of each file."""
    settings = dataclasses.fields(Config)
    rows = [f"| `{_name(field)}` | {_default(field)} | {field.metadata['help']} |" for field in settings]
    example = [f"# {field.metadata['help']}\n#{_name(field)}={field.default}" for field in settings]
    return {
        ROOT / "docs" / "configuration.md": _PAGE_HEAD + "\n".join(rows) + "\n" + _SDK,
        ROOT / ".env.example": "\n".join(example) + "\n",
    }


def _name(field: dataclasses.Field[object]) -> str:
    return PREFIX + field.name.upper()


def _default(field: dataclasses.Field[object]) -> str:
    return f"`{field.default}`" if str(field.default) else ""


if __name__ == "__main__":
    sys.exit(main())
