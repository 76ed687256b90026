"""The examples run against a recording server: no network beyond loopback, no data but their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2

EXAMPLES = Path(__file__).parents[3] / "examples"
CANARY = "my card is 4111 1111 1111 1111"


def run_example(name, *arguments):
    command = [sys.executable, "-W", "error", EXAMPLES / name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def everything(ingest_service):
    kinds = ("runs", "steps", "failures")
    return sorted(item.SerializeToString(deterministic=True) for kind in kinds for item in told(ingest_service, kind))


def told(ingest_service, kind):
    return [item for stream in ingest_service.streams for message in stream for item in getattr(message, kind)]


@pytest.fixture
def recording(tmp_path):
    """Two conversations in the form of tau-bench: one that retries and succeeds, one that fails silently."""

    def call(name):
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": name, "arguments": CANARY}}],
        }

    def answer(name, content):
        return {"role": "tool", "name": name, "tool_call_id": "c", "content": content}

    retrying = [
        {"role": "system", "content": CANARY},
        {"role": "user", "content": CANARY},
        call("book"),
        answer("book", "Error: not enough seats on flight " + CANARY),
        call("book"),
        answer("book", "Error: something nobody has thought of " + CANARY),
        call("book"),
        answer("book", CANARY),
        {"role": "assistant", "content": CANARY},
    ]
    silent = [
        {"role": "user", "content": CANARY},
        call("look"),
        answer("look", CANARY),
        {"role": "user", "content": CANARY},
    ]
    runs = [
        {"task_id": 0, "trial": 0, "reward": 1.0, "info": {}, "traj": retrying},
        {"task_id": 0, "trial": 1, "reward": 0.0, "info": {}, "traj": silent},
    ]
    file = tmp_path / "recording.json"
    file.write_text(json.dumps(runs))
    return file


def test_the_support_agent_records_runs_of_every_outcome(endpoint, ingest_service):
    done = run_example("customer_support_agent.py", "--runs", "12", "--endpoint", endpoint)

    ends = [run for run in told(ingest_service, "runs") if run.HasField("end_time")]
    outcomes = Counter(run_pb2.RunStatus.Name(run.status) for run in ends)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(outcomes) == {"RUN_STATUS_SUCCESS", "RUN_STATUS_PARTIAL", "RUN_STATUS_FAILURE"}
    assert sum(outcomes.values()) == 12
    assert {step.type for step in told(ingest_service, "steps")} >= {1, 2, 3, 4, 5}
    assert any(step.attempt > 1 for step in told(ingest_service, "steps"))
    assert {failure.code for failure in told(ingest_service, "failures")} >= {"timeout", "empty_retrieval"}
    assert all(run.run_id in done.stdout for run in ends)
    assert {run.agent_version for run in told(ingest_service, "runs") if run.agent_id} == {"1.3.0", "1.4.0"}


def test_the_support_agent_runs_to_its_end_without_a_server():
    done = run_example("customer_support_agent.py", "--runs", "3", "--endpoint", "127.0.0.1:1")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "3 runs" in done.stdout


def test_a_replay_records_calls_retries_and_classes_of_errors(endpoint, ingest_service, recording):
    done = run_example("replay_tau_bench.py", str(recording), "--endpoint", endpoint)

    tools = [step for step in told(ingest_service, "steps") if step.type == step_pb2.STEP_TYPE_TOOL]
    booked = [step for step in tools if step.name == "book"]
    codes = [(failure.code, failure.type, bool(failure.step_id)) for failure in told(ingest_service, "failures")]
    assert (done.returncode, done.stderr) == (0, "")
    assert [step.attempt for step in booked] == [1, 2, 3]
    assert {step.retry_of_step_id for step in booked[1:]} == {booked[0].step_id}
    assert sorted(codes) == [
        ("no_seats", failure_pb2.FAILURE_TYPE_TOOL, True),
        ("task_not_completed", failure_pb2.FAILURE_TYPE_ORCHESTRATION, False),
        ("tool_error", failure_pb2.FAILURE_TYPE_TOOL, True),
    ]


def test_a_replay_tells_the_same_each_time(endpoint, ingest_service, recording):
    arguments = ("replay_tau_bench.py", str(recording), "--start", "2026-01-31T12:00", "--endpoint", endpoint)
    run_example(*arguments)
    first = everything(ingest_service)
    ingest_service.streams.clear()
    run_example(*arguments)

    assert everything(ingest_service) == first


def test_a_replay_stores_nothing_of_what_was_said(endpoint, ingest_service, recording):
    run_example("replay_tau_bench.py", str(recording), "--endpoint", endpoint)

    wire = b"".join(message.SerializeToString() for stream in ingest_service.streams for message in stream)
    assert b"book" in wire
    assert b"card" not in wire


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_import_the_sdk_by_its_public_names_only(example):
    text = example.read_text()

    assert "import agenttrace\n" in text
    assert "from agenttrace" not in text
    assert "agenttrace_server" not in text
