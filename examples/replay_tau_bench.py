"""Replays recorded runs of a real airline agent (tau-bench) through the SDK.

Of each conversation it records *that* a tool was called, by name, when, for how long, which attempt,
and how it failed - and nothing else: no message, no argument, no result. The recording has no times;
plausible ones are made up from --start and the ids, and ids from (task, trial, message), so that
replaying a file again with the same start changes nothing.

    python examples/replay_tau_bench.py gpt-4o-airline.json
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import agenttrace

NAMESPACE = uuid.UUID("6f1d3c1e-5c1b-4b53-9a53-0f2a7d3e8a10")
RUN_SPACING = dt.timedelta(seconds=30)

# How an error result begins or what it says, by class. Only the code on the right is recorded.
ERROR_CODES = (
    ("not available on date", "flight_not_available"),
    ("balance is not enough", "insufficient_balance"),
    ("not enough balance", "insufficient_balance"),
    ("payment amount does not add up", "payment_mismatch"),
    ("not enough seats", "no_seats"),
    ("certificate cannot be used", "certificate_not_allowed"),
    ("payment method", "payment_method_not_found"),
    ("not found", "not_found"),
)
OTHER_ERROR = "tool_error"

# Seconds that a step plausibly takes, least and most.
SECONDS = {"tool": (0.08, 0.9), "model": (0.7, 2.6), "respond": (0.9, 3.4), "user": (1.5, 6.0)}


@dataclass
class Chain:
    """Calls of one tool that follow each other because each but the last has failed."""

    tool: str = ""
    first_step_id: str = ""
    attempt: int = 0
    failed: bool = False


@dataclass
class Replay:
    """One recorded run on its way into the tracer."""

    key: str
    run: agenttrace.Run
    now: dt.datetime
    counts: Counter[str]
    chain: Chain = field(default_factory=Chain)
    calls: list[str] = field(default_factory=list)
    unrecovered: set[str] = field(default_factory=set)

    def play(self, messages: list[dict[str, Any]]) -> None:
        """Record the steps of a conversation, in its order."""
        for index, message in enumerate(messages):
            if message["role"] == "user":
                self.pass_time(index, "user")
            elif message["role"] == "assistant" and message.get("tool_calls"):
                self.calls += [call["function"]["name"] for call in message["tool_calls"]]
                self.assistant(index, "model", "choose_tool", "tool_calls")
            elif message["role"] == "assistant":
                self.assistant(index, "respond", "reply", "stop")
            elif message["role"] == "tool":
                self.tool_call(index, error_code(message["content"]))

    def assistant(self, index: int, kind: Literal["model", "respond"], name: str, finish_reason: str) -> None:
        """Record a turn of the model."""
        start, end = self.pass_time(index, kind)
        self.counts[kind] += 1
        self.run.record_step(
            kind,
            name,
            start,
            end,
            step_id=self.id_of(index),
            model="gpt-4o",
            provider="openai",
            finish_reason=finish_reason,
        )

    def tool_call(self, index: int, code: str) -> None:
        """Record a call of a tool; the same tool right after its failure is a retry of it."""
        tool, step_id = self.calls.pop(0), self.id_of(index)
        retry = self.chain.failed and self.chain.tool == tool
        first = self.chain.first_step_id if retry else step_id
        self.chain = Chain(tool, first, self.chain.attempt + 1 if retry else 1, bool(code))
        start, end = self.pass_time(index, "tool")
        self.run.record_step(
            "tool",
            tool,
            start,
            end,
            step_id=step_id,
            attempt=self.chain.attempt,
            retry_of_step_id=first if retry else "",
            failure={"code": code, "failure_id": self.id_of(index, "failure")} if code else None,
        )
        self.count_tool_call(code, first, retry=retry)

    def count_tool_call(self, code: str, work: str, *, retry: bool) -> None:
        """Count a call, and note whether its work stands as failed."""
        self.counts["tool"] += 1
        self.counts["retry"] += retry
        self.counts["tool failure"] += bool(code)
        if code:
            self.unrecovered.add(work)
        else:
            self.unrecovered.discard(work)

    def end(self, *, success: bool) -> None:
        """End the run by its recorded reward.

        A failed run is explained by a failure of the run as a whole, unless a tool failed in it and
        no retry made that good: then that is the likelier reason, and claims to be no more.
        """
        if not success and not self.unrecovered:
            self.counts["task_not_completed"] += 1
            self.run.fail("task_not_completed", failure_id=derived_id(self.key, "outcome"), occur_time=self.now)
        self.counts["success" if success else "failure"] += 1
        self.run.end("success" if success else "failure", end_time=self.now)

    def pass_time(self, index: int, kind: str) -> tuple[dt.datetime, dt.datetime]:
        """Return when a step starts and ends, and let that time pass."""
        least, most = SECONDS[kind]
        share = int(hashlib.sha256(f"{self.key}/{index}".encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
        start = self.now
        self.now += dt.timedelta(milliseconds=round(1000 * (least + share * (most - least))))
        return start, self.now

    def id_of(self, index: int, kind: str = "step") -> str:
        """Return the id of what a message of the recording became."""
        return derived_id(self.key, f"{index}/{kind}")


def derived_id(key: str, part: str) -> str:
    """Return an id that is the same for the same part of the same recording."""
    return str(uuid.uuid5(NAMESPACE, f"{key}/{part}"))


def error_code(content: str) -> str:
    """Return the class of an error result as a constant; empty for a result that is none."""
    if not content.startswith("Error"):
        return ""
    return next((code for phrase, code in ERROR_CODES if phrase in content), OTHER_ERROR)


def replay(tracer: agenttrace.Tracer, recordings: list[dict[str, Any]], start: dt.datetime) -> Counter[str]:
    """Record all runs; return what was counted."""
    counts: Counter[str] = Counter()
    for number, recording in enumerate(recordings):
        key = f"task-{recording['task_id']}/trial-{recording['trial']}"
        begin = start + number * RUN_SPACING
        run = tracer.run(
            run_id=derived_id(key, f"run/{start.isoformat()}"),
            start_time=begin,
            session_id=f"task-{recording['task_id']}",
            tags=["tau-bench", f"trial-{recording['trial']}"],
        )
        replayed = Replay(f"{key}/{start.isoformat()}", run.start(), begin, counts)
        replayed.play(recording["traj"])
        replayed.end(success=recording["reward"] == 1.0)
    return counts


def main() -> int:
    """Replay a file; return 0 only if everything was acknowledged and nothing rejected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording of tau-bench")
    first = "when the first run starts; 00:00 UTC yesterday"
    parser.add_argument("--start", type=when, default=yesterday(), help=first)
    parser.add_argument("--endpoint", help="the ingest service; AGENTTRACE_ENDPOINT, else 127.0.0.1:50051")
    options = parser.parse_args()

    recordings = json.loads(options.file.read_text())
    tracer = agenttrace.Tracer("tau-airline", "gpt-4o", "benchmark", endpoint=options.endpoint)
    counts = replay(tracer, recordings, options.start)
    receipt = tracer.close(timeout_seconds=60)

    for line in summary(counts, receipt):
        print(line)
    return 0 if receipt.complete else 1


def summary(counts: Counter[str], receipt: agenttrace.Receipt) -> Iterator[str]:
    """Yield what was recorded and what became of it."""
    yield f"{counts['success'] + counts['failure']} runs: {counts['success']} SUCCESS, {counts['failure']} FAILURE"
    yield f"{counts['tool']} TOOL steps: {counts['tool failure']} ERROR, {counts['retry']} retries"
    yield f"{counts['model']} MODEL and {counts['respond']} RESPOND steps"
    yield f"{counts['task_not_completed']} runs failed although no tool's failure was left (task_not_completed)"
    yield f"{receipt.accepted} items stored, {receipt.duplicate} known already, {receipt.rejected} rejected"
    if not receipt.complete:
        yield f"{receipt.dropped + receipt.pending} items were not acknowledged: is `agenttrace-server up` running?"
    yield "look at them:  agenttrace runs --agent tau-airline --status failure"


def when(text: str) -> dt.datetime:
    """Return a time in ISO 8601; without a zone it is UTC."""
    time = dt.datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def yesterday() -> dt.datetime:
    """Return 00:00 UTC yesterday: whatever the time of day, every run is over."""
    return dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=1)


if __name__ == "__main__":
    sys.exit(main())
