"""The arguments of the command line."""

from __future__ import annotations

import argparse
import datetime as dt
import re

import agenttrace

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_EXAMPLES = """\
examples:
  agenttrace runs --since 24h --status failure     what failed since yesterday
  agenttrace run 01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11
  agenttrace failures --type tool --json           one JSON object a line
  agenttrace stats --by version --since 7d

exit codes: 0 done, 1 not found or refused by the server, 2 wrong usage, 3 no server answers
times are UTC; the server is AGENTTRACE_QUERY_ENDPOINT, else 127.0.0.1:50052
"""

GROUPS = ("agent", "version", "environment", "step-type", "model", "tool")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="agenttrace",
        description="See what agents did: runs, their steps, and why they failed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"agenttrace {agenttrace.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_runs(_command(commands, "runs", "list runs, newest first"))
    _add_run(_command(commands, "run", "show one run: why it failed, and every step in time"))
    _add_failures(_command(commands, "failures", "list failures, latest first"))
    _add_stats(_command(commands, "stats", "show rates, latencies, tokens and cost"))
    return top


def moment(text: str) -> dt.datetime | dt.timedelta:
    """Return a time: how long ago, such as 90s, 30m, 24h, 7d, 2w, or a date and time in ISO 8601."""
    ago = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if ago:
        return dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("neither a time like 2026-01-31T12:00 nor a span like 24h or 7d") from None
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def positive(text: str) -> int:
    """Return a whole number from 1 on."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("not a whole number from 1 on")
    return int(text)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("--json", action="store_true", help="JSON instead of tables; listings one object a line")
    command.add_argument("--endpoint", metavar="HOST:PORT", help="the query service")
    return command


def _add_scope(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--agent", action="append", metavar="ID", help="of this agent; may be repeated, as most filters"
    )
    command.add_argument("--agent-version", action="append", metavar="VERSION")
    command.add_argument("--environment", action="append", metavar="NAME")
    command.add_argument("--since", type=moment, metavar="TIME", help="such as 24h, 7d or 2026-01-31T12:00 (UTC)")
    command.add_argument("--until", type=moment, metavar="TIME")


def _add_runs(command: argparse.ArgumentParser) -> None:
    _add_scope(command)
    command.add_argument("--status", action="append", metavar="STATUS", help="running, success, failure, partial, ...")
    command.add_argument(
        "--failure-type", action="append", metavar="TYPE", help="tool, model, retrieval, orchestration"
    )
    command.add_argument("--failure-code", action="append", metavar="CODE", help="such as timeout")
    command.add_argument("--tag", action="append", metavar="TAG", help="with all of these tags")
    command.add_argument("--session", metavar="ID")
    command.add_argument("--has-retries", action="store_true", default=None)
    command.add_argument("--incomplete", action="store_true", default=None, help="with steps that have not arrived")
    _add_limit(command)


def _add_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("id", metavar="ID", help="the run's id, or the start or end of one of the newest 1,000")


def _add_failures(command: argparse.ArgumentParser) -> None:
    _add_scope(command)
    command.add_argument("--type", action="append", metavar="TYPE", help="tool, model, retrieval, orchestration")
    command.add_argument("--code", action="append", metavar="CODE", help="such as timeout")
    command.add_argument("--run", default="", metavar="ID", help="of this run")
    command.add_argument("--unrecovered", action="store_true", help="without those that a retry made good")
    _add_limit(command)


def _add_stats(command: argparse.ArgumentParser) -> None:
    _add_scope(command)
    command.add_argument("--by", choices=GROUPS, help="one row for each")


def _add_limit(command: argparse.ArgumentParser) -> None:
    command.add_argument("--limit", type=positive, default=50, metavar="N", help="at most so many; 50 unless told")
