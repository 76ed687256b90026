"""The command `doctor`: checks everything between an agent and its records, and says what to do."""

from __future__ import annotations

import difflib
import json
import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

import agenttrace
from agenttrace.cli.exit_codes import DONE, REFUSED
from agenttrace.cli.exit_codes import UNREACHABLE as UNREACHABLE_CODE
from agenttrace.cli.probing import OK, PROBLEM, UNREACHABLE, WARNING, Finding, Probe, Service
from agenttrace.errors import CallError, InvalidValueError
from agenttrace.exporter import DEFAULT_ENDPOINT
from agenttrace.queries import endpoint_of, key_of
from agenttrace.v1 import query_service_pb2 as query

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from rich.console import Console

_INGEST = Service("ingest", "agenttrace.v1.IngestService", "AGENTTRACE_ENDPOINT", "RecordBatch", "record")
_QUERY = Service("query", "agenttrace.v1.QueryService", "AGENTTRACE_QUERY_ENDPOINT", "ListFailureCodes", "read")
_SETTINGS = frozenset(
    f"AGENTTRACE_{name}"
    for name in (
        "ENDPOINT", "QUERY_ENDPOINT", "API_KEY", "ROOT_CERTIFICATES", "CLIENT_CERTIFICATE", "CLIENT_KEY",
        "SPOOL_DIRECTORY", "DISABLED",
    )
)  # fmt: skip
_SERVER_SETTINGS = "AGENTTRACE_SERVER_"
_MARKS = {OK: ("✓", "green"), WARNING: ("!", "yellow"), PROBLEM: ("✗", "bold red"), UNREACHABLE: ("✗", "bold red")}
# Stricter than the server, which refuses what is a day ahead: half a minute already bends a waterfall.
_CLOCK_SECONDS = 30.0


def diagnose(options: Namespace, console: Console) -> int:
    """Check, print, and tell by the exit code whether all is well."""
    found = list(_findings(options))
    if options.json:
        print(json.dumps([finding._asdict() for finding in found], indent=2))
    else:
        for finding in found:
            _print(console, finding)
    results = {finding.result for finding in found}
    if UNREACHABLE in results:
        return UNREACHABLE_CODE
    return REFUSED if PROBLEM in results else DONE


def _findings(options: Namespace) -> Iterator[Finding]:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("grpcio", "protobuf"))
    yield Finding("client", OK, f"agenttrace {agenttrace.__version__}, {libraries}")
    yield from _settings()
    ingest = options.ingest_endpoint or os.environ.get(_INGEST.setting) or DEFAULT_ENDPOINT
    for service, endpoint in ((_INGEST, ingest), (_QUERY, endpoint_of(options.endpoint))):
        yield from _service(service, endpoint, options.root_certificates)
    yield from _spool(os.environ.get("AGENTTRACE_SPOOL_DIRECTORY", ""))


def _settings() -> Iterator[Finding]:
    """Find settings that nothing reads, and the one that turns recording off."""
    told = {name for name in os.environ if name.startswith("AGENTTRACE_")}
    for name in sorted(told - _SETTINGS):
        if not name.startswith(_SERVER_SETTINGS):
            close = difflib.get_close_matches(name, _SETTINGS, 1)
            yield Finding("settings", WARNING, f"nothing reads {name}", f"meant {close[0]}?" if close else "remove it")
    if os.environ.get("AGENTTRACE_DISABLED", "").lower() in {"1", "true", "yes", "on"}:
        yield Finding("settings", WARNING, "AGENTTRACE_DISABLED is set: nothing is recorded", "unset it to record")


def _service(service: Service, endpoint: str, root_certificates: str | None) -> Iterator[Finding]:
    try:
        with Probe(service, endpoint, key_of(None), root_certificates) as probe:
            health = probe.health()
            yield health
            if health.result == OK:
                yield from _behind(probe)
    except InvalidValueError as error:
        yield Finding(service.name, PROBLEM, str(error), "see AGENTTRACE_ROOT_CERTIFICATES and AGENTTRACE_CLIENT_*")


def _behind(probe: Probe) -> Iterator[Finding]:
    """Yield what can be found of a service that answers."""
    key = probe.key()
    yield key
    loopback = probe.endpoint.startswith(("127.", "localhost", "[::1]", "unix:"))
    if key_of(None) and not probe.encrypted and not loopback:
        yield Finding(key.subject, WARNING, "travels unencrypted: anyone on the way can read it", "use https://")
    if probe.service is _QUERY and key.result == OK:
        yield _clock(probe)


def _clock(probe: Probe) -> Finding:
    """Compare clocks: statistics without an upper bound end at the server's now."""
    before = time.time()
    try:
        answer = query.GetStatsResponse.FromString(probe.call(f"/{_QUERY.full_name}/GetStats", b""))
    except CallError as error:
        return Finding("clock", PROBLEM, f"could not be compared: {error.reason or error.status}")
    after = time.time()
    there = answer.start_time_range.end_time.ToNanoseconds() / 1e9
    # The server read its clock between the two.
    ahead = min(0.0, after - there) + max(0.0, before - there)
    if abs(ahead) < _CLOCK_SECONDS:
        return Finding("clock", OK, f"less than {max(abs(ahead), after - before, 0.1):.1f} s off the server's")
    which = "ahead of" if ahead > 0 else "behind"
    return Finding("clock", PROBLEM, f"{abs(ahead):.0f} s {which} the server's", "synchronize it (NTP)")


def _spool(told: str) -> Iterator[Finding]:
    """Look at the directory in which what is not delivered waits; open nothing in it."""
    if not told:
        return
    folder = Path(told)
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield Finding("spool", PROBLEM, f"{told} cannot be written", "make it a directory that the agent may write")
        return
    files = list(folder.glob("*.spool*"))
    size = sum(map(_size, files))
    waiting = f"{len(files)} files, {size / 1e6:.1f} MB" if files else "empty"
    yield Finding("spool", OK, f"{told}: {waiting}")
    if (folder / "damaged.set-aside").exists():
        yield Finding("spool", WARNING, "a damaged file was set aside: what it held is lost", "look at it, remove it")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it was just delivered
        return 0


def _print(console: Console, finding: Finding) -> None:
    mark, style = _MARKS[finding.result]
    line = Text(f"{mark} {finding.subject}".ljust(17), style)
    line.append(finding.text, "not bold default")
    console.print(line, soft_wrap=True)
    if finding.remedy:
        console.print(Text(f"{'':17}→ {finding.remedy}", "bold"), soft_wrap=True)
