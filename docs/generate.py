"""Writes docs/configuration.md, .env.example and docs/exception-codes.md; with --check compares them.

The first two are the server's settings, the last is the SDK's table of exceptions.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from agenttrace.exception_codes import CARRIERS, CODES, DEFAULT_CODE, GRPC_CODES, HTTP_CODES
from agenttrace_server.config import PREFIX, Config

_Key = TypeVar("_Key")

ROOT = Path(__file__).resolve().parent.parent
_PAGE_HEAD = """# Configuration of the server

Read once at start, from the environment. An unknown name under `AGENTTRACE_SERVER_` is an error. A URL, pepper or key
may stand in a file instead: `AGENTTRACE_SERVER_KEY_PEPPER_FILE=/run/secrets/key_pepper`, and so with the others.
Written by `make configuration` from `services/agenttrace_server/config.py`.

| setting | default | |
|---|---|---|
"""
_SDK = """
The SDK and the command line read `AGENTTRACE_ENDPOINT`, `AGENTTRACE_QUERY_ENDPOINT`, `AGENTTRACE_API_KEY`,
`AGENTTRACE_ROOT_CERTIFICATES`, `AGENTTRACE_CLIENT_CERTIFICATE`, `AGENTTRACE_CLIENT_KEY`,
`AGENTTRACE_SPOOL_DIRECTORY` and `AGENTTRACE_DISABLED`.
"""
_EXCEPTIONS_HEAD = f"""# Codes of exceptions

How the Python SDK tells the code of a failure from an exception that leaves a step or a run. It goes by the name of
the class and by statuses that are numbers; the text of an exception is never read, and no library is imported. Written
by `make configuration` from `clients/python/src/agenttrace/exception_codes.py`. What the codes mean:
[failure-codes.md](failure-codes.md).

It looks at the exception, then at what it was raised from (`raise ... from`) and, of a group, at its members. Of each
the classes are looked at from the most special to the most general. The first that tells a code counts:

1. your own entries, `Tracer(classify={{...}})`: by class, by name, or by qualified name;
2. the gRPC status, of exceptions of `grpc`;
3. the class, by the table below;
4. the HTTP status: `status_code`, `status` or `code` of the exception or of its `response`, 400 to 599.

If none of them tells: `{DEFAULT_CODE}`. The statuses are recorded with the failure.

## Classes

A name alone stands for a class of that name in any library, `package.Name` for one of that package.

| code | classes |
|---|---|
"""
_CARRIERS = """
These say little by themselves; the HTTP status they carry and what they were raised from come before their class: {}.

## Statuses

| code | HTTP | gRPC |
|---|---|---|
"""


def main() -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not current: run `make configuration`", file=sys.stderr)
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
        ROOT / "docs" / "exception-codes.md": _exception_codes(),
    }


def _exception_codes() -> str:
    classes = [f"| `{code}` | {_quoted(_keys(CODES, code))} |" for code in dict.fromkeys(CODES.values())]
    statuses = [
        f"| `{code}` | {_spans(_keys(HTTP_CODES, code))} | {_spans(_keys(GRPC_CODES, code))} |"
        for code in sorted({*HTTP_CODES.values(), *GRPC_CODES.values()})
    ]
    page = _EXCEPTIONS_HEAD + "\n".join(classes) + "\n" + _CARRIERS.format(_quoted(sorted(CARRIERS)))
    return page + "\n".join(statuses) + "\n"


def _keys(codes: Mapping[_Key, str], code: str) -> list[_Key]:
    return [key for key, value in codes.items() if value == code]


def _spans(statuses: list[int]) -> str:
    """Return numbers with runs of them as spans: "500-503, 505-599"."""
    spans: list[list[int]] = []
    for status in sorted(statuses):
        if spans and status == spans[-1][-1] + 1:
            spans[-1].append(status)
        else:
            spans.append([status])
    return ", ".join(str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in spans)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _name(field: dataclasses.Field[object]) -> str:
    return PREFIX + field.name.upper()


def _default(field: dataclasses.Field[object]) -> str:
    return f"`{field.default}`" if str(field.default) else ""


if __name__ == "__main__":
    sys.exit(main())
