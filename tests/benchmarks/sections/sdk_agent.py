"""Records steps at a rate and prints what became of them. Run by itself: endpoint, seconds, steps a second, spool."""

import json
import sys
import time

import agenttrace

_STEPS = 200


def main(endpoint: str, seconds: float, rate: float, spool: str) -> None:
    """Record, deliver, print."""
    tracer = agenttrace.Tracer("bench", "1.4.0", endpoint=endpoint, spool_directory=spool or None)
    steps, began = 0, time.perf_counter()
    while (now := time.perf_counter() - began) < seconds:
        time.sleep(max(0.0, steps / rate - now))
        _run(tracer)
        steps += _STEPS
    recording = time.perf_counter() - began
    receipt = tracer.close(2 if spool and endpoint.endswith(":1") else 120)
    told = {"steps": steps, "recording_seconds": recording, "seconds": time.perf_counter() - began}
    print(
        json.dumps(told | {"cpu_seconds": time.process_time(), "dropped": receipt.dropped, "spooled": receipt.spooled})
    )


def _run(tracer: agenttrace.Tracer) -> None:
    with tracer.run() as run:
        for _ in range(_STEPS):
            with run.step("tool", "lookup_order") as step:
                step.set(http_status=200, cache_hit=True, region="eu-west-1")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
