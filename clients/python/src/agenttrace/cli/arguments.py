"""The arguments of the command line."""

from __future__ import annotations

import argparse
from typing import Any, TypeAlias

import agenttrace
from agenttrace.cli import words
from agenttrace.cli.values import count, flag, positive
from agenttrace.showing.values import attribute, moment, span

_Parser: TypeAlias = argparse.ArgumentParser

_ABOUT = """\
exit codes: 0 done; 1 not found, refused, or doctor found a problem; 2 wrong usage; 3 no server answers;
            4 something was found, with --exit-code; 130 interrupted
environment: AGENTTRACE_QUERY_ENDPOINT, AGENTTRACE_API_KEY, AGENTTRACE_ROOT_CERTIFICATES, NO_COLOR, COLUMNS
times are UTC; ids, filters and JSON are those of the contract
"""

_EXAMPLES = {
    "": """\
  agenttrace runs --since 24h --status failure     what failed since yesterday
  agenttrace run 01935c3e-7d2a                     why: the first digits of an id are enough
  agenttrace stats --by version --since 7d         did the new version help?
  agenttrace tail --agent support                  what happens now
  agenttrace doctor                                why does nothing arrive?
""",
    "runs": """\
  agenttrace runs --since 24h --status failure --status abandoned
  agenttrace runs --failure-code timeout --min-duration 10s --attribute region=eu
  agenttrace runs --watch --agent support
  agenttrace runs --since 1h --status failure --exit-code > /dev/null || echo "something failed"
  agenttrace runs --json --limit 1000 | jq -r .run.run_id
""",
    "run": """\
  agenttrace run 01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11
  agenttrace run 5f0e2b7a9c11                      the last digits do, too
  agenttrace run 01935c3e --json | jq '.steps[] | select(.status == "ERROR") | .name'
""",
    "failures": """\
  agenttrace failures --since 24h --unrecovered
  agenttrace failures --type tool --code timeout --agent support
  agenttrace failures --run 01935c3e --json
""",
    "stats": """\
  agenttrace stats --since 7d
  agenttrace stats --by version --agent support --since 30d
  agenttrace stats --bucket 1h --json | jq '.groups[] | [.bucket_start_time, .stats.failure_rate]'
""",
    "tail": """\
  agenttrace tail --agent support
  agenttrace tail -n 0 --status failure --json | while read -r run; do page-someone "$run"; done
""",
    "export": """\
  agenttrace export --since 7d -o week.jsonl
  agenttrace export --since 30d -o month.parquet --resume     goes on where it was interrupted
  agenttrace export --status failure --runs-only | jq -r .run.agent_id | sort | uniq -c
""",
    "doctor": """\
  agenttrace doctor
  agenttrace doctor --json | jq '.[] | select(.result != "ok")'
""",
    "completion": """\
  source <(agenttrace completion bash)                                             in ~/.bashrc
  source <(agenttrace completion zsh)                                              in ~/.zshrc, after compinit
  agenttrace completion fish > ~/.config/fish/completions/agenttrace.fish
""",
}


def parser() -> _Parser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="agenttrace",
        description="See what agents did: runs, their steps, and why they failed.",
        epilog=f"examples:\n{_EXAMPLES['']}\n{_ABOUT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"agenttrace {agenttrace.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_runs(_reading(commands, "runs", "list runs, newest first"))
    _add_run(_reading(commands, "run", "show one run: why it failed, and every step in time"))
    _add_failures(_reading(commands, "failures", "list failures, latest first"))
    _add_stats(_reading(commands, "stats", "show rates, latencies, tokens and cost, and how they went over time"))
    _add_tail(_reading(commands, "tail", "print a line whenever a run starts, progresses or ends"))
    _add_export(_reading(commands, "export", "write runs with their steps and failures to a file"))
    _add_doctor(_reading(commands, "doctor", "check connection, key, clock and settings, and say what to do"))
    _add_completion(_command(commands, "completion", "print what makes a shell complete our arguments"))
    return top


def _command(commands: Any, name: str, text: str) -> _Parser:
    command: _Parser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"examples:\n{_EXAMPLES[name]}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return command


def _reading(commands: Any, name: str, text: str) -> _Parser:
    command = _command(commands, name, text)
    command.add_argument("--json", action="store_true", help="JSON instead of text; listings one object a line")
    command.add_argument("--endpoint", metavar="HOST:PORT", help="the query service")
    command.add_argument("--root-certificates", metavar="FILE", help="certificates that the server's must lead to")
    return command


def _add_scope(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--agent", action="append", metavar="ID", help="of this agent; may be repeated, as most filters"
    )
    command.add_argument("--agent-version", action="append", metavar="VERSION")
    command.add_argument("--environment", action="append", metavar="NAME")
    command.add_argument("--since", type=flag(moment), metavar="TIME", help="such as 24h, 7d or 2026-01-31T12:00 (UTC)")
    command.add_argument("--until", type=flag(moment), metavar="TIME")


def _add_run_filters(command: _Parser) -> None:
    which = command.add_argument_group("which runs")
    _add_scope(which)
    which.add_argument("--status", action="append", metavar="STATUS", help=", ".join(words.STATUSES))
    which.add_argument("--failure-type", action="append", metavar="TYPE", help=", ".join(words.FAILURE_TYPES))
    which.add_argument("--failure-code", action="append", metavar="CODE", help="such as timeout")
    which.add_argument("--tag", action="append", metavar="TAG", help="with all of these tags")
    which.add_argument(
        "--attribute", action="append", type=flag(attribute), metavar="KEY=VALUE", help="with all of these"
    )
    which.add_argument("--session", metavar="ID")
    which.add_argument("--user-key", metavar="HASH", help="of the user with this keyed hash")
    which.add_argument("--parent-run", metavar="ID", help="started by this run")
    which.add_argument("--min-duration", type=flag(span), metavar="SPAN", help="that took at least 200ms, 1.5s, 10m, …")
    which.add_argument("--max-duration", type=flag(span), metavar="SPAN")
    optional: Any = {"action": argparse.BooleanOptionalAction}
    which.add_argument("--has-retries", **optional, help="with (without) a step that was tried again")
    which.add_argument("--incomplete", **optional, help="with (without) steps that have not arrived")


def _add_runs(command: _Parser) -> None:
    command.add_argument("--watch", action="store_true", help="a table that stays up to date, until Ctrl-C")
    _add_limit(command)
    _add_run_filters(command)


def _add_run(command: _Parser) -> None:
    command.add_argument("id", metavar="ID", help="the run's id, or enough of its start or end")


def _add_failures(command: _Parser) -> None:
    _add_limit(command)
    which = command.add_argument_group("which failures")
    _add_scope(which)
    which.add_argument("--type", action="append", metavar="TYPE", help=", ".join(words.FAILURE_TYPES))
    which.add_argument("--code", action="append", metavar="CODE", help="such as timeout")
    which.add_argument("--run", default="", metavar="ID", help="of this run")
    which.add_argument("--unrecovered", action="store_true", help="without those that a retry made good")


def _add_stats(command: _Parser) -> None:
    command.add_argument("--by", choices=words.GROUPS, help="one row for each")
    command.add_argument(
        "--bucket", type=flag(span), metavar="SPAN", help="the width of a bar in time; fitting unless told"
    )
    _add_run_filters(command)


def _add_tail(command: _Parser) -> None:
    command.add_argument(
        "-n", "--lines", type=count, default=10, metavar="N", help="the newest N first; 10 unless told"
    )
    _add_run_filters(command)


def _add_export(command: _Parser) -> None:
    command.add_argument("-o", "--output", metavar="FILE", help="where to; standard output unless told")
    command.add_argument("--format", choices=words.FORMATS, help="as the file's name ends, else jsonl")
    command.add_argument("--runs-only", action="store_true", help="without steps and failures")
    command.add_argument("--resume", action="store_true", help="go on with what was interrupted, else begin")
    command.add_argument("--force", action="store_true", help="replace what is there")
    _add_run_filters(command)


def _add_doctor(command: _Parser) -> None:
    command.add_argument("--ingest-endpoint", metavar="HOST:PORT", help="the ingest service")


def _add_completion(command: _Parser) -> None:
    command.add_argument("shell", choices=words.SHELLS, help="the shell")


def _add_limit(command: _Parser) -> None:
    command.add_argument("--limit", type=positive, default=50, metavar="N", help="at most so many; 50 unless told")
    command.add_argument("--exit-code", action="store_true", help="exit with 4 if there is any, for scripts")
