"""Cases that read: one run, listings that break, watches that resume."""

from __future__ import annotations

from typing import Any

import grpc

from conformance.reference.services import TIMEOUT_SECONDS, Services, message

Case = dict[str, Any]
# It breaks once; a service that is away would break for ever.
_MOST_BREAKS = 3


def get_run(case: Case, services: Services) -> dict[str, Any]:
    """Read a run with its steps and failures."""
    answer = services.query(case["to"]).GetRun(message(case["request"]), timeout=TIMEOUT_SECONDS)
    run = answer.run
    return {
        "status": run.run.status,
        "complete": answer.completeness.complete,
        "step_count": run.step_count,
        "failed_step_count": run.failed_step_count,
        "retry_count": run.retry_count,
        "failure_count": run.failure_count,
        "input_tokens": run.input_tokens,
        "cost_micro_usd": run.cost_micro_usd,
        "steps": [[step.name, step.type, step.status, step.attempt] for step in answer.steps],
        "failures": [[f.failure.code, f.failure.type, f.recovered, f.root] for f in answer.failures],
    }


def list_runs(case: Case, services: Services) -> dict[str, Any]:
    """Read a listing to its end."""
    chunks = list(services.query(case["to"]).ListRuns(message(case["request"]), timeout=TIMEOUT_SECONDS))
    run_ids = [summary.run.run_id for chunk in chunks for summary in chunk.runs]
    return {"run_ids": run_ids, "chunk_sizes": [len(chunk.runs) for chunk in chunks if chunk.runs]}


def list_resuming(case: Case, services: Services) -> dict[str, Any]:
    """Read a listing whose connection breaks; go on where it was."""
    request, run_ids, broken = message(case["request"]), [], 0
    while True:
        try:
            for chunk in services.query(case["to"]).ListRuns(request, timeout=TIMEOUT_SECONDS):
                run_ids += [summary.run.run_id for summary in chunk.runs]
                request.page_token = chunk.next_page_token
        except grpc.RpcError:
            broken += 1
            if broken > _MOST_BREAKS:
                raise
        else:
            return {"run_ids": run_ids, "broken_streams": broken}


def watch(case: Case, services: Services) -> dict[str, Any]:
    """Watch, stop after the first run, and go on for the second, which came in between."""
    request = message(case["request"])
    call = services.query(case["to"]).WatchRuns(request, timeout=TIMEOUT_SECONDS)
    beginning = next(call)
    services.ingest(case["record_to"]).RecordBatch(message(case["first"]), timeout=TIMEOUT_SECONDS)
    request.resume_token = _follow(call, case["run_ids"][0])
    services.ingest(case["record_to"]).RecordBatch(message(case["second"]), timeout=TIMEOUT_SECONDS)
    _follow(services.query(case["to"]).WatchRuns(request, timeout=TIMEOUT_SECONDS), case["run_ids"][1])
    return {"checkpoint_first": not beginning.runs and beginning.resume_token != "", "first": True, "second": True}


def _follow(call: Any, run_id: str) -> str:
    """Read a watch until it has told of a run; end it and return where it goes on."""
    for event in call:
        if run_id in [summary.run.run_id for summary in event.runs]:
            call.cancel()
            return str(event.resume_token)
    raise RuntimeError("the watch ended before it told of the run")


CASES = {"get_run": get_run, "list_runs": list_runs, "list_resuming": list_resuming, "watch": watch}
