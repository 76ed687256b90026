"""`agenttrace-server privacy verify`."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import grpc

from agenttrace_server.commands.output import print_json
from agenttrace_server.config import Config
from agenttrace_server.errors import StartupError
from agenttrace_server.local_database import running_endpoints
from agenttrace_server.privacy.verification import Report, Where, verify


def add(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(required=True, metavar="ACTION")
    verifying = commands.add_parser("verify", help="send what must not be stored, and look for it everywhere")
    verifying.add_argument(
        "--endpoint", metavar="HOST:PORT", help="the ingest service; that of `up` here when left out"
    )
    verifying.add_argument("--api-key", default="", metavar="KEY", help="with the scope ingest, where one is needed")
    verifying.add_argument("--ca-file", type=Path, metavar="FILE", help="speak TLS, and trust this authority")
    verifying.add_argument("--metrics-url", action="append", default=[], metavar="URL", help="may be given again")
    verifying.add_argument(
        "--log-file", action="append", default=[], type=Path, metavar="FILE", help="may be given again"
    )
    verifying.add_argument("--database-url", metavar="URL", help="of one who may read every table; reads every row")
    verifying.add_argument("--json", action="store_true", help="print JSON")
    verifying.set_defaults(command=_verify)


def _verify(settings: Config, options: argparse.Namespace) -> int:
    running = {} if options.endpoint else running_endpoints(settings)
    endpoint = options.endpoint or running.get("ingest")
    if not endpoint:
        raise StartupError("nothing runs here: say which deployment with --endpoint")
    metrics = options.metrics_url or list(running.get("metrics", {}).values())
    database_url = options.database_url or running.get("database_url") or settings.database_url
    with _channel(endpoint, options.ca_file) as channel:
        report = verify(channel, options.api_key, Where(metrics, options.log_file, database_url))
    if options.json:
        print_json({"holds": report.holds, **dataclasses.asdict(report)})
    else:
        print("\n".join(_lines(report)))
    return 0 if report.holds else 1


def _channel(endpoint: str, ca_file: Path | None) -> grpc.Channel:
    if not ca_file:
        return grpc.insecure_channel(endpoint)
    try:
        authority = ca_file.read_bytes()
    except OSError:
        raise StartupError("the file of --ca-file can not be read") from None
    return grpc.secure_channel(endpoint, grpc.ssl_channel_credentials(authority))


def _lines(report: Report) -> list[str]:
    """The report for people."""
    width = max(len(row.canary) for row in report.rows)
    lines = [f"{'sent':{width}}  times  refused  passed"]
    for row in report.rows:
        verdict = "" if not row.passed else "   LEAK" if row.is_claimed else "   not claimed"
        lines.append(f"{row.canary:{width}}  {row.sent:5}  {row.refused:7}  {len(row.passed):6}{verdict}")
    lines += ["", f"{'looked for in':{width}}  found"]
    for place in report.places:
        found = f"{len(place.found):5}  in {place.looked}" if place.looked else "    -  not looked at"
        lines.append(f"{place.name:{width}}  {found}{'   LEAK' if place.found else ''}")
    leaks = [f"LEAK  {row.canary} passed in {slot}" for row in report.rows if row.is_claimed for slot in row.passed]
    leaks += [f"LEAK  {what} found in {at}" for place in report.places for what, at in place.found]
    lines += ["", *leaks[:50], _conclusion(report)]
    return lines


def _conclusion(report: Report) -> str:
    if not report.holds:
        return "The claim does not hold: text got in."
    opaque = sum(len(row.passed) for row in report.rows)
    return (
        f"The claim holds. {opaque} opaque tokens passed, as ids do: not claimed; registry mode refuses them."
        if opaque
        else "The claim holds, and no opaque token passed either."
    )
