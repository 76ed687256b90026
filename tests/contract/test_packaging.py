"""What the two distributions carry."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def wheel(project: Path, folder: Path) -> zipfile.ZipFile:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=project, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def requirements(built: zipfile.ZipFile) -> list[str]:
    (name,) = [name for name in built.namelist() if name.endswith(".dist-info/METADATA")]
    required = message_from_bytes(built.read(name)).get_all("Requires-Dist") or []
    return sorted(line for line in required if "extra ==" not in line)


def test_the_client_needs_grpcio_and_protobuf_and_nothing_else(tmp_path: Path) -> None:
    with wheel(ROOT / "clients/python", tmp_path) as built:
        assert requirements(built) == ["grpcio>=1.64.3", "protobuf<8,>=5.26.1"]
        assert {"agenttrace/py.typed", "agenttrace/v1/run_pb2.pyi"} <= set(built.namelist())


@pytest.mark.parametrize("bundled", ["db/migrations", "db/seed.sql", "examples/customer_support_agent.py"])
def test_the_server_carries_the_files_of_the_repository_that_it_reads(tmp_path: Path, bundled: str) -> None:
    source = ROOT / bundled
    files = sorted(source.glob("*.sql")) if source.is_dir() else [source]

    with wheel(ROOT, tmp_path) as built:
        carried = {name: built.read(name) for name in built.namelist()}

    assert {
        f"agenttrace_server/bundled/{f.relative_to(ROOT)}": f.read_bytes() for f in files
    }.items() <= carried.items()
    assert "agenttrace_server/store/ingest.sql" in carried
