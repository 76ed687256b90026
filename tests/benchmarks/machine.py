"""Describes where the figures come from."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import psycopg
from google import protobuf

import agenttrace_server
from agenttrace_server.embedded import binaries


def description() -> dict[str, Any]:
    """The machine, its load now, and the versions of what runs."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": _source(),
        "cores": os.cpu_count(),
        "processor": _line_of("/proc/cpuinfo", "model name") or platform.processor(),
        "memory": _line_of("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "load_average_before": os.getloadavg(),
        "postgresql": _postgres_version(),
        "python": platform.python_version(),
        "grpcio": grpc.__version__,
        "protobuf": protobuf.__version__,
        "psycopg": psycopg.__version__,
    }


def _source() -> str:
    """The commit that runs, where it is one."""
    folder = Path(agenttrace_server.__file__).parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or str(folder)


def _line_of(file: str, name: str) -> str:
    path = Path(file)
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _postgres_version() -> str:
    return subprocess.check_output([binaries.find_binaries() / "postgres", "--version"], text=True).strip()
