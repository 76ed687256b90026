"""What the contract promises about itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor

from agenttrace.v1 import error_pb2, failure_pb2, ingest_service_pb2, query_service_pb2, run_pb2, step_pb2
from agenttrace_server import errors
from agenttrace_server.interceptors.error_status import STATUS_OF

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto"
FILES = (error_pb2, failure_pb2, ingest_service_pb2, query_service_pb2, run_pb2, step_pb2)
RESERVED = {
    "prompt", "completion", "input", "output", "messages", "content", "arguments", "result", "query_text", "message",
    "stacktrace",
}  # fmt: skip
# Every string of what clients upload, by the form that the server demands of it. A new one is added here
# with its form, or refused: no field of an upload may hold text as it is written.
UPLOADED_STRINGS = {
    "Run.run_id": "uuid", "Run.agent_id": "token", "Run.agent_version": "token", "Run.environment": "token",
    "Run.session_id": "token", "Run.user_key": "user_key", "Run.parent_run_id": "uuid", "Run.tags": "token",
    "Run.AttributesEntry.key": "attribute_key", "AttributeValue.string_value": "token",
    "Step.run_id": "uuid", "Step.step_id": "uuid", "Step.parent_step_id": "uuid", "Step.name": "token",
    "Step.retry_of_step_id": "uuid", "Step.AttributesEntry.key": "attribute_key",
    "ModelCall.provider": "token", "ModelCall.request_model": "token", "ModelCall.response_model": "token",
    "ModelCall.finish_reason": "token", "ToolCall.name": "token", "ToolCall.call_id": "token",
    "Retrieval.source": "token", "Failure.failure_id": "uuid", "Failure.run_id": "uuid", "Failure.step_id": "uuid",
    "Failure.code": "token", "Failure.exception_type": "token", "Failure.caused_by_failure_id": "uuid",
}  # fmt: skip


def messages() -> list[Descriptor]:
    return [message for file in FILES for message in file.DESCRIPTOR.message_types_by_name.values()]


def uploaded(message: Descriptor, seen: set[str]) -> list[str]:
    """The string and bytes fields within a message, as Message.field."""
    if message.full_name in seen:
        return []
    seen.add(message.full_name)
    found = []
    for field in message.fields:
        if field.message_type is not None:
            found += uploaded(field.message_type, seen)
        elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            found.append(f"{message.full_name}.{field.name}".removeprefix("agenttrace.v1."))
    return found


def test_every_message_reserves_the_names_of_content() -> None:
    text = "\n".join(path.read_text() for path in PROTO.rglob("*.proto"))
    bodies = re.findall(r"^message (\w+) \{\n  reserved (.*?);", text, re.MULTILINE | re.DOTALL)
    reserved = {name: set(re.findall(r'"(\w+)"', names)) for name, names in bodies}

    assert {message.name for message in messages()} == set(reserved)
    assert all(names == RESERVED for names in reserved.values())


def test_no_upload_has_a_string_without_a_form() -> None:
    request = ingest_service_pb2.DESCRIPTOR.message_types_by_name["UploadStepsRequest"]

    assert set(uploaded(request, set())) == set(UPLOADED_STRINGS)


def test_the_forms_of_strings_are_those_of_the_limits() -> None:
    patterns = json.loads((PROTO / "agenttrace/v1/limits.json").read_text())["patterns"]

    assert set(UPLOADED_STRINGS.values()) == set(patterns)


def test_both_uploads_take_the_same_batch() -> None:
    stream = ingest_service_pb2.UploadStepsRequest(steps=[step_pb2.Step(name="plan")], resend=True)

    unary = ingest_service_pb2.RecordBatchRequest.FromString(stream.SerializeToString())

    assert (unary.steps[0].name, unary.resend) == ("plan", True)


def test_the_contract_compiles_with_protoc_alone(tmp_path: Path) -> None:
    """Without buf and without any file but our own and protobuf's."""
    protoc = shutil.which("protoc") or ROOT / ".venv-generate/bin/python"
    if not Path(protoc).exists():
        pytest.skip("no protoc on the machine, and `make generate` has not made its environment")
    command = [str(protoc)] if Path(protoc).name == "protoc" else [str(protoc), "-m", "grpc_tools.protoc"]
    files = sorted(str(path) for path in PROTO.rglob("*.proto"))

    done = subprocess.run([*command, f"-I{PROTO}", f"--descriptor_set_out={tmp_path / 'set'}", *files], check=False)

    assert done.returncode == 0


def test_every_error_has_a_status_and_a_documented_reason() -> None:
    subclasses = set(error_classes(errors.ServiceError))

    assert set(STATUS_OF) == subclasses
    for error in subclasses:
        assert f"ERROR_REASON_{error.reason}" in error_pb2.ErrorReason.keys()  # noqa: SIM118  an enum, no dict


def error_classes(base: type[errors.ServiceError]) -> list[type[errors.ServiceError]]:
    return [found for sub in base.__subclasses__() for found in (sub, *error_classes(sub))]


def test_every_reason_of_rejection_and_field_used_by_the_server_is_in_the_contract() -> None:
    source = "".join(
        (ROOT / "services/agenttrace_server/ingest" / name).read_text()
        for name in ("convert.py", "encode.py", "attributes.py", "enums.py", "values.py")
    )
    reasons = set(re.findall(r'Refusal\("([A-Z_]+)"', source))
    fields = set(re.findall(r'"([A-Z][A-Z_]+[A-Z])"\)', source)) - reasons - {"ABANDONED", "RUNNING"}

    assert reasons
    assert {f"REJECTION_REASON_{name}" for name in reasons} <= set(ingest_service_pb2.RejectionReason.keys())
    assert {f"REJECTION_FIELD_{name}" for name in fields} <= set(ingest_service_pb2.RejectionField.keys())


def test_the_released_contract_is_committed_and_readable() -> None:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    released = FileDescriptorSet.FromString((PROTO / "released/v1.binpb").read_bytes())

    assert "agenttrace/v1/run.proto" in {file.name for file in released.file}


def test_the_snapshot_of_the_schema_is_what_the_migrations_make() -> None:
    done = subprocess.run([sys.executable, ROOT / "db/snapshot.py", "--check"], check=False, capture_output=True)

    assert done.stderr.decode() == ""
    assert done.returncode == 0


@pytest.mark.parametrize("script", ["docs/generate.py"])
def test_what_is_generated_from_the_settings_is_current(script: str) -> None:
    done = subprocess.run([sys.executable, ROOT / script, "--check"], check=False, capture_output=True)

    assert done.stderr.decode() == ""
    assert done.returncode == 0
