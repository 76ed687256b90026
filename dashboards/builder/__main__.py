"""Writes dashboards/grafana/dashboards; with --check compares and exits 1 where a file differs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from dashboards.builder.boards import BOARDS

FOLDER = Path(__file__).parents[1] / "grafana" / "dashboards"


def texts() -> dict[str, str]:
    """Return each file's text by its name."""
    boards = [build() for build in BOARDS]
    return {f"{board['uid']}.json": json.dumps(board, indent=1, ensure_ascii=False) + "\n" for board in boards}


def main() -> int:
    """Write or check the files; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    wanted = texts()
    if not check:
        for path in FOLDER.glob("*.json"):
            path.unlink()
        for name, text in wanted.items():
            (FOLDER / name).write_text(text)
    elif wanted != {path.name: path.read_text() for path in FOLDER.glob("*.json")}:
        print("dashboards/grafana/dashboards is not what the builder writes: run `make dashboards`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
