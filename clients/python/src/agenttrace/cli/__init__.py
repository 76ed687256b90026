"""The command line `agenttrace`."""

import importlib.util
import sys
from collections.abc import Sequence
from importlib import import_module

_HINT = "agenttrace: the command line needs rich: pip install 'agenttrace-client[cli]'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    if importlib.util.find_spec("rich") is None:
        print(_HINT, file=sys.stderr)
        return 2
    code: int = import_module("agenttrace.cli.commands").run(sys.argv[1:] if arguments is None else arguments)
    return code
