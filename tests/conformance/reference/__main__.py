"""Runs the plan and writes the report: `python -m conformance.reference --plan --endpoints --report`."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import Any

import google.protobuf
import grpc

from conformance.reference import bytes_cases, ingest_cases, query_cases
from conformance.reference.services import Services

CASES = {**bytes_cases.CASES, **ingest_cases.CASES, **query_cases.CASES}


def main() -> int:
    """Run every case; return 0 where the report is written, whatever the cases came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--plan", "--endpoints", "--report"):
        parser.add_argument(name, type=Path, required=True)
    options = parser.parse_args()
    plan = json.loads(options.plan.read_text())
    services = Services(json.loads(options.endpoints.read_text()))
    versions = {"python": platform.python_version(), "protobuf": google.protobuf.__version__, "grpc": grpc.__version__}
    cases = [run(case, services) for case in plan["cases"]]
    options.report.write_text(json.dumps({"language": "python", "versions": versions, "cases": cases}, indent=1))
    return 0


def run(case: dict[str, Any], services: Services) -> dict[str, Any]:
    """Do one case; return its entry of the report."""
    try:
        return {"id": case["id"], "ok": True, "detail": "", "observed": CASES[case["do"]](case, services)}
    except Exception as error:
        return {"id": case["id"], "ok": False, "detail": repr(error), "observed": {}}


if __name__ == "__main__":
    sys.exit(main())
