"""What was released before records to the current server, and its receipts and runs are as ever."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import agenttrace
from conformance.clients import FOLDER
from fix_product import Product

WHEELS = sorted((Path(__file__).parents[1] / "contract" / "released").glob("agenttrace_client-*.whl"))
NONE_YET = "no release has been made: tests/contract/released has no wheel, `make buf` compares the contract alone"
RECORD = """
import json, agenttrace
tracer = agenttrace.Tracer(agent_id="released", agent_version="1")
with tracer.run() as run:
    with run.step("tool", "lookup"):
        pass
receipt = tracer.close(timeout_seconds=20)
print(json.dumps([agenttrace.__file__, run.run_id, receipt.accepted, receipt.complete]))
"""


def records(wheel: Path, folder: Path, product: Product) -> None:
    """Let the SDK of a wheel record a run, and read it with the current one."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), str(wheel)]
    subprocess.run(pip, check=True, timeout=120)

    environment = product.environment | {"PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", RECORD], env=environment, capture_output=True, text=True, check=True)

    module, run_id, accepted, complete = json.loads(done.stdout)
    assert Path(module).is_relative_to(folder)
    assert (accepted, complete) == (3, True)
    with agenttrace.QueryClient(product.endpoints["query"]) as client:
        assert client.run(run_id).run.step_count == 1


@pytest.mark.parametrize("wheel", WHEELS or [pytest.param(None, marks=pytest.mark.skip(reason=NONE_YET))])
def test_a_released_sdk_records_to_the_current_server(wheel: Path, product: Product, tmp_path: Path) -> None:
    """Each release puts its wheel into tests/contract/released; none is ever taken away."""
    records(wheel, tmp_path / "sdk", product)


def test_a_wheel_of_the_current_sdk_does(product: Product, tmp_path: Path) -> None:
    """So that the way the test above goes is known to lead somewhere before the first release."""
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(FOLDER / "python")]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")

    records(wheel, tmp_path / "sdk", product)
