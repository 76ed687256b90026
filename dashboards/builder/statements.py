"""The SQL of the dashboards: named statements in sql/, put together of shared fragments.

`@name` in a statement stands for a fragment of fragments.sql; `$` and braces belong to Grafana.
"""

from __future__ import annotations

import re
from pathlib import Path

from agenttrace_server.store import statements

_FOLDER = Path(__file__).with_name("sql")
_FRAGMENT = re.compile(r"@(\w+)")
# Old versions of Grafana expand macros in comments, so none go out.
_COMMENT = re.compile(r"^\s*--.*\n?|\s+-- .*$", re.MULTILINE)


def load(board: str) -> dict[str, str]:
    """Return the complete statements of a dashboard by their names."""
    fragments = _parse("fragments")
    return {name: _complete(body, fragments) for name, body in _parse(board).items()}


def _parse(name: str) -> dict[str, str]:
    named = statements.parse((_FOLDER / f"{name}.sql").read_text())
    return {name: _COMMENT.sub("", body).strip() for name, body in named.items()}


def _complete(body: str, fragments: dict[str, str]) -> str:
    while _FRAGMENT.search(body):
        body = _FRAGMENT.sub(lambda found: fragments[found[1]], body)
    return body
