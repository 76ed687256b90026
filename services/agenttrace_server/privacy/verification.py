"""Sends every canary through every slot, then looks for them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace_server.errors import StartupError
from agenttrace_server.privacy import canaries, places, slots
from agenttrace_server.privacy.places import Place
from agenttrace_server.privacy.sending import TRANSPORTS, Case, Sender

_SETTLE_SECONDS = 1.0  # logs and counters are written a moment after the answer
_UNKNOWN_FIELD = 900


@dataclass(frozen=True, slots=True)
class Where:
    """Where to look beside the answers."""

    metrics_urls: Sequence[str]
    log_files: Sequence[Path]
    database_url: str


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one canary. `passed`: names of the slots that took it."""

    canary: str
    is_claimed: bool
    sent: int
    refused: int
    passed: list[str]


@dataclass(frozen=True, slots=True)
class Report:
    """What was sent, what became of it, and where it was found."""

    rows: list[Row]
    places: list[Place]

    @property
    def holds(self) -> bool:
        """Whether what is claimed is so: nothing claimed passed, nothing was found."""
        return not any(row.is_claimed and row.passed for row in self.rows) and not any(p.found for p in self.places)


def verify(channel: grpc.Channel, api_key: str, where: Where) -> Report:
    """Verify a deployment. Raises StartupError where that can not be done. It leaves items named privacy-verify."""
    sender = Sender(channel, api_key)
    seed = canaries.new_seed()
    logs = places.LogFiles(where.log_files)
    _require_harmless(sender)
    cases = _cases(seed)
    refused = _send(sender, cases)
    rows = [_row(canary, cases, refused) for canary in canaries.ALL]
    rows += _send_around(sender, seed, len(cases))
    time.sleep(_SETTLE_SECONDS)
    looked = [
        places.look_at_replies(seed, sender.replies),
        places.look_at_metrics(seed, where.metrics_urls),
        logs.look(seed),
        places.look_at_database(seed, where.database_url),
    ]
    named = {case.mark: f"{case.canary.name} in {case.slot.name}" for case in cases}
    for place in looked:
        place.found = [(named.get(mark, "beside the slots"), at) for mark, at in place.found]
    return Report(rows, looked)


def _require_harmless(sender: Sender) -> None:
    """Refusing everything would look like safety: what is harmless has to be taken."""
    message = pb.UploadStepsRequest(steps=[slots.harmless_item("steps", str(uuid.uuid4()))])
    for rejection in sender.upload(message, "unary").rejections:
        reason = pb.RejectionReason.Name(rejection.reason).removeprefix("REJECTION_REASON_")
        if reason != "NOT_REGISTERED":
            raise StartupError(f"the deployment refuses a harmless step as {reason}: nothing can be told from that")


def _cases(seed: str) -> list[Case]:
    every = [(canary, slot, by) for by in TRANSPORTS for canary in canaries.ALL for slot in slots.all_slots()]
    return [Case(canary, slot, by, f"{seed}{number}") for number, (canary, slot, by) in enumerate(every)]


def _send(sender: Sender, cases: Sequence[Case]) -> set[str]:
    run_id = str(uuid.uuid4())
    return {
        mark for by in TRANSPORTS for mark in sender.refused([case for case in cases if case.transport == by], run_id)
    }


def _row(canary: canaries.Canary, cases: Sequence[Case], refused: set[str]) -> Row:
    own = [case for case in cases if case.canary is canary]
    passed = [f"{case.slot.name} ({case.transport})" for case in own if case.mark not in refused]
    return Row(canary.name, canary.is_claimed, len(own), len(own) - len(passed), passed)


def _send_around(sender: Sender, seed: str, number: int) -> list[Row]:
    """Send texts beside the slots: as unknown fields, damaged, and as what surrounds a call."""
    text = f"{seed}{number} my card".encode()
    rows = [_unknown_fields(sender, text, by) for by in TRANSPORTS]
    damaged = (b"\xff" + text, b"\x12" + bytes([len(text) + 6]) + b"\x32" + bytes([len(text) + 2]) + text + b"\xc3\x28")
    answers = [sender.send_raw(raw, by) for raw in damaged for by in TRANSPORTS]
    is_refused = [isinstance(a, grpc.RpcError) or a.counts.rejected_message_count == 1 for a in answers]
    rows.append(_counted("a damaged message", len(answers), is_refused.count(True)))
    sender.send_raw(b"", "unary", metadata=(("x-note", text.decode()),))
    unknown = sender.send_raw(b"", "unary", method=text.decode().replace(" ", "-"))
    rows.append(_counted("the name of a method", 1, int(isinstance(unknown, grpc.RpcError))))
    return rows


def _unknown_fields(sender: Sender, text: bytes, transport: str) -> Row:
    """A text in a field that the contract does not have, in every message of an upload."""
    unknown = pb.UploadStepsRequest()
    tag = (_UNKNOWN_FIELD << 3) | 2
    raw = bytes([tag & 0x7F | 0x80, tag >> 7, len(text)]) + text
    reaching = slots.all_messages()
    for path, reach in reaching:
        items = path.partition(".")[0]
        item = slots.harmless_item(items, str(uuid.uuid4()))
        reach(item).MergeFromString(raw)
        getattr(unknown, items).append(item)
    unknown.MergeFromString(raw)
    counted = sender.upload(unknown, transport).counts.unknown_field_count
    return _counted(f"unknown fields ({transport})", len(reaching) + 1, counted)


def _counted(name: str, sent: int, refused: int) -> Row:
    return Row(name, True, sent, refused, [name] * (sent - refused))
