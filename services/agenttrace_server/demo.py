"""`demo`: everything runs, an example agent records, and it is said where to look."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack

from agenttrace_server import bundled, supervisor
from agenttrace_server.children import stop_event, wait_for_signal
from agenttrace_server.commands import codes
from agenttrace_server.config import Config, environment_of
from agenttrace_server.store import catalogue

_AGENT = "examples/customer_support_agent.py"
# What a person reads beside the codes that are the agent's own.
_CODES = "examples/customer_support_codes.json"


def demo(config: Config, *, exit_after: bool) -> int:
    """Run everything, record the example agent's runs, and say where to look; return the exit code."""
    # The runs are what is to be seen.
    config = supervisor.without_routine(config)
    with ExitStack() as stack:
        stopping = stop_event(stack)
        endpoints, children = supervisor.start(stack, config, stopping)
        catalogue.write(str(endpoints["database_url"]), codes.read(bundled.path(_CODES).read_text()), replace=False)
        code = _record(config, endpoints)
        if code:
            return code
        if exit_after:
            print(f"\nwhat was recorded is kept in {config.data_directory}; `agenttrace-server up` serves it")
            return 0
        where = supervisor.where_to_look(config, endpoints)
        print(f"\n{where}\n\nCtrl-C stops everything; what was recorded stays.", flush=True)
        return wait_for_signal(children, stopping)


def _record(config: Config, endpoints: Mapping[str, object]) -> int:
    found = {"AGENTTRACE_ENDPOINT": endpoints["ingest"], "AGENTTRACE_QUERY_ENDPOINT": endpoints["query"]}
    environment = environment_of(config) | {name: str(address) for name, address in found.items()}
    return subprocess.run([sys.executable, bundled.path(_AGENT)], env=environment, check=False).returncode
