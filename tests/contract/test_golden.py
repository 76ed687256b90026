"""Messages as they stand on the wire, kept for ever: what one release wrote, every later one must read."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import json_format

from agenttrace.v1 import ingest_service_pb2

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))


@pytest.mark.parametrize("plan", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_message_is_read_and_written_to_the_byte(plan: Path) -> None:
    golden = plan.with_suffix(".binpb").read_bytes()

    message = ingest_service_pb2.UploadStepsRequest.FromString(golden)

    assert message == json_format.Parse(plan.read_text(), ingest_service_pb2.UploadStepsRequest())
    assert message.SerializeToString(deterministic=True) == golden


def test_there_are_golden_messages() -> None:
    assert GOLDEN
