"""The rows of the trace timeline, sent through Grafana's own code in the versions that the dashboards are for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dashboard_files import TimeRange, boards, expand, panels
from fix_grafana import BASE, GrafanaDatabases
from tools import tool

UNREACHABLE = re.compile("ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN")
NODE = Path(__file__).parent / "node"
PACKAGES = ("grafana-data-11", "grafana-data-13")
ARRAYS = ("tags", "serviceTags", "logs")
# What the back end makes of PostgreSQL's types, by their numbers, whichever driver its version has.
TYPES = {25: "string", 701: "number", 23: "number"}
(TRACE,) = (panel for panel in panels(boards()["agenttrace-run"]) if panel["type"] == "traces")


@pytest.mark.parametrize("databases", ["embedded"], indirect=True)
def test_every_version_makes_arrays_of_what_comes_as_text(
    databases: GrafanaDatabases, request: pytest.FixtureRequest
) -> None:
    """The panel reads columns by name and calls `reduce` on tags: anything but an array breaks it or is dropped."""
    frame = trace_frame(databases)
    folder = installed(request)

    for package in PACKAGES:
        fields = sent_through(folder, package, frame, TRACE["transformations"])

        assert len(fields["spanID"]["values"]) > 5
        for name in ARRAYS:
            assert fields[name]["type"] == "other"
            assert all(isinstance(value, list) for value in fields[name]["values"]), (package, name)
        assert all(set(tag) == {"key", "value"} for tags in fields["tags"]["values"] for tag in tags)
        logs = [log for logs in fields["logs"]["values"] for log in logs]
        assert logs
        assert all(isinstance(log["timestamp"], float | int) and log["fields"] for log in logs)
        assert {fields[name]["type"] for name in ("startTime", "duration", "statusCode")} == {"number"}
        assert {fields[name]["type"] for name in ("traceID", "spanID", "operationName", "serviceName")} == {"string"}
        assert fields["parentSpanID"]["values"].count(None) == 1

    # Why the columns are text: newer drivers hand over parsed JSON, and the conversion loses that.
    place = [field["name"] for field in frame["schema"]["fields"]].index("tags")
    frame["schema"]["fields"][place]["type"] = "other"
    frame["data"]["values"][place] = [json.loads(text) for text in frame["data"]["values"][place]]
    fields = sent_through(folder, "grafana-data-13", frame, TRACE["transformations"])
    assert set(map(json.dumps, fields["tags"]["values"])) == {"null"}


def trace_frame(databases: GrafanaDatabases) -> dict[str, Any]:
    """What the data source answers for the trace of a run that failed."""
    sql = expand(TRACE["targets"][0]["rawSql"], {**BASE, "run_id": databases.failed_run()[0]}, TimeRange())
    with databases.connect("seeded") as connection:
        cursor = connection.execute(sql)  # type: ignore[call-overload]
        rows = cursor.fetchall()
        fields = [{"name": column.name, "type": TYPES[column.type_code]} for column in cursor.description]
    return {"schema": {"fields": fields}, "data": {"values": [list(values) for values in zip(*rows, strict=True)]}}


def installed(request: pytest.FixtureRequest) -> Path:
    """A folder with Grafana's packages, kept from one session of tests to the next; a test process has its own."""
    npm = tool("npm", package="nodejs npm")
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    folder = request.config.cache.mkdir(f"grafana-data-{worker}")  # type: ignore[union-attr]
    lock = (NODE / "package-lock.json").read_text()
    for name in ("package.json", ".npmrc", "frame.cjs"):
        shutil.copy(NODE / name, folder)
    done = folder / "installed-lock.json"
    if not done.exists() or done.read_text() != lock:
        (folder / "package-lock.json").write_text(lock)
        ci = subprocess.run([npm, "ci", "--prefer-offline"], cwd=folder, capture_output=True, text=True, timeout=300,
                            check=False)  # fmt: skip
        if ci.returncode and UNREACHABLE.search(ci.stderr) and not os.environ.get("AGENTTRACE_REQUIRE_TOOLS"):
            pytest.skip(f"no npm registry is reachable: {ci.stderr.splitlines()[-1]}")
        assert ci.returncode == 0, ci.stderr
        done.write_text(lock)
    return folder


def sent_through(folder: Path, package: str, frame: Any, transformations: Any) -> dict[str, Any]:
    """The fields of a frame after the panel's transformations, by name."""
    message = json.dumps({"package": package, "frame": frame, "transformations": transformations})
    node = tool("node", package="nodejs npm")
    done = subprocess.run([node, "frame.cjs"], cwd=folder, input=message, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    fields: dict[str, Any] = json.loads(done.stdout)["fields"]
    return fields
