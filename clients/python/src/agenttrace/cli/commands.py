"""Runs one command; says in one line what went wrong, and tells it by the exit code."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from agenttrace.cli import completion, doctor, exporting, follow, show
from agenttrace.cli.arguments import parser
from agenttrace.cli.exit_codes import DONE, INTERRUPTED, REFUSED, UNREACHABLE, WRONG_USAGE
from agenttrace.client import QueryClient
from agenttrace.errors import AgentTraceError, CallError, UnauthenticatedError, UnavailableError
from agenttrace.queries import endpoint_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

_PIPE_WIDTH = 140

COMMANDS: dict[str, Callable[[QueryClient, Namespace, Console], int]] = {
    "runs": show.runs,
    "run": show.run,
    "failures": show.failures,
    "stats": show.stats,
    "tail": follow.tail,
    "export": exporting.export,
}


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return its exit code."""
    options = parser().parse_args(arguments)
    if options.command == "completion":
        print(completion.SCRIPTS[options.shell], end="")
        return DONE
    try:
        return _run(options)
    except BrokenPipeError:
        # Whoever read us has enough; what Python flushes at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except AgentTraceError as error:
        return _explain(error, options.endpoint)


def _run(options: Namespace) -> int:
    # What the client has to say while it waits, such as that a watch broke off.
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    if options.command == "doctor":
        return doctor.diagnose(options, _console())
    with QueryClient(options.endpoint, root_certificates=options.root_certificates) as client:
        code = COMMANDS[options.command](client, options, _console())
        sys.stdout.flush()
        return code


def _console() -> Console:
    """Return the screen. A pipe has no width of its own: tables are not cut to 80 columns for it."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a bar that the encoding lacks is no reason to fail
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=_PIPE_WIDTH if piped else None, highlight=False, emoji=False)


def _explain(error: AgentTraceError, endpoint: str | None) -> int:
    """Say what went wrong and what to do; return the exit code."""
    code, text = REFUSED, str(error)
    if isinstance(error, UnavailableError) and error.reason:
        code, text = UNREACHABLE, f"the server cannot answer now ({error.reason}): try again in a moment"
    elif isinstance(error, UnavailableError):
        address = endpoint_of(endpoint)
        text = f"no server answers at {address}: `agenttrace doctor` finds out why; set AGENTTRACE_QUERY_ENDPOINT, "
        text += "or start one with `agenttrace-server up`"
        code = UNREACHABLE
    elif isinstance(error, UnauthenticatedError):
        text += ": set AGENTTRACE_API_KEY to a key that is known and not revoked"
    elif isinstance(error, CallError):
        text = "; ".join([text, *(f"{field}: {why}" for field, why in error.violations)])
    else:
        code = WRONG_USAGE
    print(f"agenttrace: {text}", file=sys.stderr)
    return code
