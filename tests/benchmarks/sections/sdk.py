"""What a step costs the agent that records it, beside a span of OpenTelemetry's Python SDK."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Figure

METHOD = (
    "Bursts of 1,000 steps (spans) with three attributes, batched by the SDK's own thread to an exporter that sends "
    "nothing; each burst is delivered before the next. The calling thread's processor time, and the time by the clock, "
    "in which the other thread competes for the interpreter. Same interpreter; OpenTelemetry in build/bench-otel."
)
_HERE = Path(__file__).parent
_VENV = _HERE.parents[2] / "build" / "bench-otel"
_OPENTELEMETRY = "opentelemetry-sdk"
_IMPORT = "import time; t = time.perf_counter(); {statement}; print((time.perf_counter() - t) * 1000)"
# `import agenttrace` alone is lazy.
_OUR_IMPORTS = {"import": "import agenttrace; agenttrace.Tracer", "import grpc": "import grpc"}
_THEIR_IMPORTS = {"import": "from opentelemetry.sdk.trace.export import BatchSpanProcessor"}
_UNITS = {
    "thread": "us/step, thread's processor time",
    "clock": "us/step, by the clock",
    "disabled": "us/step, disabled",
    "import": "ms to import",
}

_Samples = Mapping[str, Sequence[float]]


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    python, reason = _opentelemetry()
    ours: defaultdict[str, list[float]] = defaultdict(list)
    theirs: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(bench.rounds):
        _measure(ours, sys.executable, "sdk_agenttrace.py", _OUR_IMPORTS)
        if python:
            _measure(theirs, python, "sdk_opentelemetry.py", _THEIR_IMPORTS)
    return _figures(ours, theirs, reason)


def _figures(ours: _Samples, theirs: _Samples, reason: str) -> list[Figure]:
    figures = []
    for key, unit in _UNITS.items():
        rival = Figure(name="OpenTelemetry", unit=unit, samples=theirs[key]) if key in theirs else None
        figures.append(Figure(name="AgentTrace", unit=unit, samples=ours[key], rival=rival, note=reason))
        figures += [rival] if rival else []
    return [*figures, Figure(name="grpc alone", unit="ms to import", samples=ours["import grpc"])]


def _measure(to: defaultdict[str, list[float]], python: str, script: str, imports: Mapping[str, str]) -> None:
    """Add what a script of this folder prints, and how long the imports take."""
    figures: dict[str, float] = json.loads(_output(python, _HERE / script))
    for name, statement in imports.items():
        figures[name] = float(_output(python, "-c", _IMPORT.format(statement=statement)))
    for name, value in figures.items():
        to[name].append(value)


def _output(*command: str | Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AGENTTRACE_", "OTEL_"))}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True).stdout


def _opentelemetry() -> tuple[str, str]:
    """A Python that has OpenTelemetry, or why there is none."""
    python = _VENV / "bin" / "python"
    has_it = [str(python), "-c", _THEIR_IMPORTS["import"]]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", _OPENTELEMETRY]
    try:
        if not python.exists():
            venv.create(_VENV, with_pip=True)
        if subprocess.run(has_it, capture_output=True, check=False).returncode:
            subprocess.run(pip, capture_output=True, text=True, timeout=180, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        last = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1:]
        return "", f"OpenTelemetry is skipped: {' '.join(last)}"
    return str(python), ""
