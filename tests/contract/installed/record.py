"""Records a run with a retry, reads it again, and prints what came of it: with the SDK as it is installed."""

import importlib.metadata
import json

import agenttrace

tracer = agenttrace.Tracer("packaging", "1.0.0", "test")
with tracer.run(session_id="installed") as run:
    for attempt in run.attempts("tool", "search", retry_on=TimeoutError):
        with attempt as step:
            step.set(http_status=504, rows=3)
            if attempt.number == 1:
                raise TimeoutError
    with run.step("model", "answer", model="gpt-4o", provider="openai") as step:
        step.usage(input_tokens=812, output_tokens=96)
receipt = tracer.close(timeout_seconds=20)
with agenttrace.QueryClient() as client:
    detail = client.run(run.run_id)
names = ("grpcio", "protobuf")
print(
    json.dumps(
        {
            "versions": {name: importlib.metadata.version(name) for name in names},
            "home": agenttrace.__file__,
            "complete": receipt.complete,
            "steps": [[step.name, step.attempt, step.status] for step in detail.steps],
            "failures": [[found.failure.code, found.recovered] for found in detail.failures],
            "missing": detail.run.run.expected_step_count - detail.run.step_count,
        }
    )
)
