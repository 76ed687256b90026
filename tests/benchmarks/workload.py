"""Makes what is sent: runs of twelve steps, the same for the same seed, as messages on the wire and as rows.

A step has three attributes, and one in three the usage of a model; each run is told at its start and at its end.
Messages and rows are put together from encoded templates, so that making them takes microseconds and sending them
nothing but sending.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from agenttrace.ids import uuid_text
from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from benchmarks import copy_rows

STEPS_PER_RUN = 12
# Differences between runs: names, numbers, times.
_VARIANTS = 64
_ONE_RUN_IN = 8  # … has a failure, where there are any
_FAILING_POSITION = 6
_UUID_7 = 0x7 << 76 | 0b10 << 62
_RANDOM_BITS = ~(0xF << 76 | 0b11 << 62) & ((1 << 80) - 1)
_RESEND = b"\x20\x01"
# Tags of the lists of an upload, and of its items' first fields, each an id of 36 characters.
_RUNS, _STEPS, _FAILURES = b"\x0a", b"\x12", b"\x1a"
_FIRST_ID, _SECOND_ID, _THIRD_ID = b"\x0a\x24", b"\x12\x24", b"\x1a\x24"
_NAMES = ("plan", "search_handbook", "answer", "lookup_order", "lookup_customer", "summarize")
_REGIONS = ("eu-west-1", "us-east-1", "ap-south-1")
_TYPES = (step_pb2.STEP_TYPE_PLAN, step_pb2.STEP_TYPE_RETRIEVE, step_pb2.STEP_TYPE_MODEL, step_pb2.STEP_TYPE_TOOL)


class Message(NamedTuple):
    """One message of an upload stream, encoded, and what is in it."""

    data: bytes
    steps: int
    runs_started: int
    runs_ended: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What one client sends. `open_runs`: of so many runs at a time, a step of each in turn.

    `new_values`: the string among a step's attributes is another one in every step.
    """

    seed: int
    steps: int
    begin_us: int
    steps_per_message: int = 500
    open_runs: int = 1
    failures: bool = False
    new_values: bool = False

    def messages(self) -> list[Message]:
        """The upload's messages."""
        templates = _templates(self.begin_us)
        made, parts, started, ended = [], [], 0, 0
        for count, step in enumerate(self._sequence(), 1):
            run, text = templates[step.variant], uuid_text(step.run_number)
            if step.is_first:
                parts.append(run.start.with_ids(text))
                started += 1
            parts.append(self._step(run, step, text))
            if step.position == STEPS_PER_RUN - 1:
                parts.append(run.end.with_ids(text))
                ended += 1
            if count % self.steps_per_message == 0 or count == self.steps:
                size = count % self.steps_per_message or self.steps_per_message
                made.append(Message(b"".join(parts), size, started, ended))
                parts, started, ended = [], 0, 0
        return made

    def rows(self, days: int) -> list[bytes]:
        """The same steps as rows for COPY, of runs first seen so many days after 1970-01-01."""
        head, tails = copy_rows.Head(days), _row_tails(self.begin_us)
        return [
            head.of(step.run_number, step.step_number) + tails[step.variant][step.position] for step in self._sequence()
        ]

    def run_ids(self) -> list[str]:
        """The runs of which there are steps."""
        return [uuid_text(step.run_number) for step in self._sequence() if step.is_first]

    def _step(self, run: _RunTemplate, step: _Step, run_text: str) -> bytes:
        step_text = uuid_text(step.step_number)
        if not (self.failures and step.position == _FAILING_POSITION and step.run_number % _ONE_RUN_IN == 0):
            encoded = run.steps[step.position].with_ids(run_text, step_text)
            return _with_new_value(encoded, step) if self.new_values else encoded
        failed = run.failed_step.with_ids(run_text, step_text)
        return failed + run.failure.with_ids(uuid_text(step.step_number ^ 1), run_text, step_text)

    def _sequence(self) -> Iterator[_Step]:
        """The steps in the order in which they end."""
        dice = random.Random(self.seed)
        clock = self.begin_us // 1000
        runs: list[tuple[int, int]] = [(0, 0)] * self.open_runs
        for count in range(self.steps):
            slot = count % self.open_runs
            clock += 1
            run_number, position = runs[slot]
            is_first = run_number == 0 or position == STEPS_PER_RUN
            if is_first:
                # The first runs of all begin at different steps, or all would end in the same message.
                position = 0 if run_number else slot % STEPS_PER_RUN
                run_number = _uuid_7(clock, dice)
            yield _Step(run_number, _uuid_7(clock, dice), position, run_number % _VARIANTS, is_first)
            runs[slot] = run_number, position + 1


def _with_new_value(encoded: bytes, step: _Step) -> bytes:
    """The step with another value of the same length in place of its region."""
    region = _REGIONS[step.variant % 3].encode()
    return encoded.replace(region, f"{step.step_number & (1 << 4 * len(region)) - 1:0{len(region)}x}".encode())


def resent(message: Message) -> Message:
    """The message as it is sent again."""
    return message._replace(data=message.data + _RESEND)


def joined(*messages: Message) -> Message:
    """One message with the items of all: encoded messages merge by standing one after the other."""
    data, *counts = zip(*messages, strict=True)
    return Message(b"".join(data), *map(sum, counts))


class _Step(NamedTuple):
    run_number: int
    step_number: int
    position: int
    variant: int
    is_first: bool


class _Template(NamedTuple):
    """An encoded item without its ids, which all have the same length."""

    head: bytes
    tail: bytes

    def with_ids(self, first: str, second: str = "", third: str = "") -> bytes:
        parts = [self.head, _FIRST_ID, first.encode()]
        if second:
            parts += [_SECOND_ID, second.encode()]
        if third:
            parts += [_THIRD_ID, third.encode()]
        return b"".join((*parts, self.tail))


class _RunTemplate(NamedTuple):
    start: _Template
    end: _Template
    steps: tuple[_Template, ...]
    failed_step: _Template
    failure: _Template


@lru_cache(maxsize=1)
def _templates(begin_us: int) -> tuple[_RunTemplate, ...]:
    return tuple(_run_template(variant, begin_us) for variant in range(_VARIANTS))


@lru_cache(maxsize=1)
def _row_tails(begin_us: int) -> list[list[bytes]]:
    positions = range(STEPS_PER_RUN)
    return [[copy_rows.tail(step_message(v, p, begin_us)) for p in positions] for v in range(_VARIANTS)]


def _run_template(variant: int, begin_us: int) -> _RunTemplate:
    steps = [step_message(variant, position, begin_us) for position in range(STEPS_PER_RUN)]
    failed = step_message(variant, _FAILING_POSITION, begin_us)
    failed.status = step_pb2.STEP_STATUS_ERROR
    failure = failure_pb2.Failure(type=failure_pb2.FAILURE_TYPE_TOOL, code="timeout", exception_type="TimeoutError")
    failure.occur_time.CopyFrom(failed.end_time)
    start = _run_message(variant, begin_us)
    end = run_pb2.Run(status=run_pb2.RUN_STATUS_SUCCESS, expected_step_count=STEPS_PER_RUN)
    end.end_time.FromMicroseconds(begin_us + 30_000_000)
    return _RunTemplate(
        _template(_RUNS, 1, start.SerializeToString()),
        _template(_RUNS, 1, end.SerializeToString()),
        tuple(_template(_STEPS, 2, step.SerializeToString()) for step in steps),
        _template(_STEPS, 2, failed.SerializeToString()),
        _template(_FAILURES, 3, failure.SerializeToString()),
    )


def _template(tag: bytes, ids: int, tail: bytes) -> _Template:
    length = ids * 38 + len(tail)
    size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    return _Template(tag + size, tail)


def _run_message(variant: int, begin_us: int) -> run_pb2.Run:
    run = run_pb2.Run(agent_id=f"agent-{variant % 5}", agent_version="1.4.0", status=run_pb2.RUN_STATUS_RUNNING)
    run.session_id = f"session-{variant}"
    run.start_time.FromMicroseconds(begin_us)
    run.lease_duration.FromSeconds(300)
    return run


def step_message(variant: int, position: int, begin_us: int) -> step_pb2.Step:
    """One step without its ids."""
    kind = _TYPES[position % 3] if position else _TYPES[0]
    step = step_pb2.Step(sequence=position, type=kind, name=_NAMES[position % 6], status=step_pb2.STEP_STATUS_OK)
    step.attempt = 1
    start = begin_us + position * 500_000 + variant * 1_001
    step.start_time.FromMicroseconds(start)
    step.end_time.FromMicroseconds(start + 120_000 + variant * 997)
    step.attributes["http.status_code"].int_value = 200 + variant % 4
    step.attributes["cache.hit"].bool_value = variant % 2 == 0
    step.attributes["region"].string_value = _REGIONS[variant % 3]
    if position % 3 == 2:
        _add_model(step, variant)
    elif position % 3 == 1:
        step.retrieval.source, step.retrieval.result_count = "handbook", variant
    return step


def _add_model(step: step_pb2.Step, variant: int) -> None:
    step.model.provider, step.model.request_model = "openai", "gpt-4o"
    step.model.response_model, step.model.finish_reason = "gpt-4o-2024-08-06", "stop"
    step.model.usage.input_tokens, step.model.usage.output_tokens = 400 + variant, 60 + variant
    step.model.cost_micro_usd = 1_600 + variant


def _uuid_7(milliseconds: int, dice: random.Random) -> int:
    return milliseconds << 80 | _UUID_7 | dice.getrandbits(80) & _RANDOM_BITS
