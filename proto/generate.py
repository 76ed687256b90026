"""Generates stubs, the tables of limits of every language and docs/limits.md from `proto/`.

`python -m proto.generate` writes them; with `--check` it compares and exits 1 where they differ.
Runs in the generator's own virtual environment (grpcio-tools), see `make generate`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from proto import limits_clients, limits_tables, stubs

ROOT = Path(__file__).resolve().parent.parent
LIMITS = ROOT / "proto/agenttrace/v1/limits.json"
LIMITS_MODULES = ("services/agenttrace_server/limits.py", "clients/python/src/agenttrace/limits.py")
LIMITS_PAGE = "docs/limits.md"


def main() -> int:
    """Generate, or with --check compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    missing = stubs.why_not_go()
    if missing:
        print(f"the stubs of Go are left as they are: {missing}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        generated = stubs.generated(Path(folder), with_go=not missing) | limits()
    stale = [name for name, text in generated.items() if read(ROOT / name) != text]
    stale += [name for name in stubs.committed(with_go=not missing) if name not in generated]
    if check:
        return report(stale)
    for name, text in generated.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text)
    return 0


def report(stale: list[str]) -> int:
    """Say which generated files are not what `proto/` gives."""
    for name in stale:
        print(f"{name} is not what proto/ gives: run `make generate`", file=sys.stderr)
    return 1 if stale else 0


def read(path: Path) -> str | None:
    """Return the file's text, or None where there is none."""
    return path.read_text() if path.exists() else None


def limits() -> dict[str, str]:
    """Return the tables of limits of every language, and the page of documentation."""
    table = json.loads(LIMITS.read_text())
    module = limits_tables.limits_module(table)
    page = limits_tables.limits_page(table)
    return {**dict.fromkeys(LIMITS_MODULES, module), LIMITS_PAGE: page, **limits_clients.tables(table)}


if __name__ == "__main__":
    sys.exit(main())
