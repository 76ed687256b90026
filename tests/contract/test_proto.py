"""What the contract promises about itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool

from agenttrace.v1 import error_pb2, failure_pb2, ingest_service_pb2, query_service_pb2, run_pb2, step_pb2
from agenttrace_server import errors, limits
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


def test_every_message_reserves_the_names_of_content() -> None:
    assert unreserved(contract()) == []


def test_no_upload_has_a_string_without_a_form() -> None:
    assert uploaded_strings(contract()) == set(UPLOADED_STRINGS)


def test_no_string_of_an_upload_is_named_for_content() -> None:
    names = {string.rpartition(".")[2] for string in UPLOADED_STRINGS}

    assert [name for name in names if limits.is_content_key(name)] == []


def contract() -> FileDescriptorSet:
    """The files of the contract and what they import, from their descriptors."""
    found: dict[str, Any] = {}

    def add(file: Any) -> None:
        if file.name not in found:
            for dependency in file.dependencies:
                add(dependency)
            found[file.name] = FileDescriptorProto.FromString(file.serialized_pb)

    for module in FILES:
        add(module.DESCRIPTOR)
    return FileDescriptorSet(file=found.values())


def unreserved(files: FileDescriptorSet) -> list[str]:
    """Our messages, those declared within others among them, that do not reserve each name of content."""

    def within(messages: Iterable[DescriptorProto], prefix: str) -> Iterator[str]:
        for message in messages:
            if not message.options.map_entry and not set(message.reserved_name) >= RESERVED:
                yield prefix + message.name
            yield from within(message.nested_type, f"{prefix}{message.name}.")

    ours = (file for file in files.file if file.package == "agenttrace.v1")
    return [name for file in ours for name in within(file.message_type, "")]


def uploaded_strings(files: FileDescriptorSet) -> set[str]:
    """The fields that take strings or bytes within any request of the ingest service, as Message.field."""
    pool = DescriptorPool()
    for file in files.file:
        pool.Add(file)
    service = pool.FindServiceByName("agenttrace.v1.IngestService")
    seen: set[str] = set()
    return {name for method in service.methods for name in strings_within(method.input_type, seen)}


def strings_within(message: Any, seen: set[str]) -> Iterator[str]:
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        if field.message_type is not None:
            yield from strings_within(field.message_type, seen)
        elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            yield f"{message.full_name}.{field.name}".removeprefix("agenttrace.v1.")


STRING, BYTES, MESSAGE = (getattr(FieldDescriptorProto, f"TYPE_{name}") for name in ("STRING", "BYTES", "MESSAGE"))


@pytest.mark.parametrize(
    ("file", "message", "field", "found"),
    [
        ("step", "Step", {"name": "note", "type": STRING}, "Step.note"),
        ("step", "Usage", {"name": "raw", "type": BYTES}, "Usage.raw"),
        ("step", "Retrieval", {"name": "hits", "type": STRING, "label": 3}, "Retrieval.hits"),
        ("failure", "Failure", {"name": "detail", "type": STRING}, "Failure.detail"),
        ("ingest_service", "RecordBatchRequest", {"name": "comment", "type": STRING}, "RecordBatchRequest.comment"),
        (
            "run",
            "Run",
            {"name": "parent", "type": MESSAGE, "type_name": ".agenttrace.v1.Note"},
            "Note.text",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_new_field_for_prose_is_noticed(file: str, message: str, field: dict[str, Any], found: str) -> None:
    """Wherever it is: in an item, inside one, in a request, or in a message of its own."""
    changed = contract()
    target = next(f for f in changed.file if f.name == f"agenttrace/v1/{file}.proto")
    within = next(m for m in target.message_type if m.name == message)
    within.field.add(**{"number": 500, "label": 1, **field})
    if "type_name" in field:
        note = target.message_type.add(name="Note")
        note.field.add(name="text", number=1, type=STRING, label=1)

    assert uploaded_strings(changed) - set(UPLOADED_STRINGS) == {found}


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_name_of_content_that_is_no_longer_reserved_is_noticed(name: str) -> None:
    changed = contract()
    step = next(m for f in changed.file if f.name.endswith("/step.proto") for m in f.message_type if m.name == "Step")
    step.reserved_name.remove(name)

    assert unreserved(changed) == ["Step"]


def test_a_message_within_a_message_has_to_reserve_them_too() -> None:
    changed = contract()
    step = next(m for f in changed.file if f.name.endswith("/step.proto") for m in f.message_type if m.name == "Step")
    step.nested_type.add(name="Inner")

    assert unreserved(changed) == ["Step.Inner"]


def test_the_forms_of_strings_are_those_of_the_limits() -> None:
    patterns = json.loads((PROTO / "agenttrace/v1/limits.json").read_text())["patterns"]

    # opaque_id narrows the form of some tokens, in registry mode.
    assert {*UPLOADED_STRINGS.values(), "opaque_id"} == set(patterns)


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
