"""The command line `agenttrace`."""

import importlib.util
import sys
from collections.abc import Sequence
from importlib import import_module

_HINT = "agenttrace: the command line needs rich: pip install 'agenttrace-client[cli]'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["__complete"]:  # at each key press: nothing but the parser is loaded
        print(import_module("agenttrace.cli.completion").answer(words[1:]), end="")
        return 0
    if importlib.util.find_spec("rich") is None:
        print(_HINT, file=sys.stderr)
        return 2
    code: int = import_module("agenttrace.cli.commands").run(words)
    return code
