"""What clients/README.md says of other languages is done as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import agenttrace
from conformance.clients import FOLDER, ROOT
from fix_product import Product
from items import new_id

README = (FOLDER / "README.md").read_text()
GO_STUBS = FOLDER / "go/agenttrace/v1"


def block(language: str, having: str) -> str:
    """Return the one block of code in a language that has a text."""
    (found,) = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if having in text]
    return str(found)


def need(*programs: str) -> None:
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def need_protoc() -> None:
    """Also what protoc needs: the files of google/protobuf, which are a package of their own."""
    need("protoc")
    command = ["protoc", "-I", "proto", "--descriptor_set_out=/dev/null", "proto/agenttrace/v1/run.proto"]
    if subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip("not installed: the files that protoc imports (Debian: libprotobuf-dev)")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    settings = os.environ | environment
    done = subprocess.run(command, cwd=cwd, env=settings, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def generators(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with the pinned generators of Go, as who makes stubs would have them."""
    need("go")
    folder = tmp_path_factory.mktemp("generators")
    run("go", "build", "-C", ROOT / "proto/generators", "-o", f"{folder}/", "tool", cwd=ROOT)
    return f"{folder}:{os.environ['PATH']}"


def without_versions(folder: Path) -> dict[str, list[str]]:
    """The generated files, without the lines that name the version of what called the generator."""
    files = sorted(folder.glob("*.go"))
    return {file.name: [line for line in file.read_text().splitlines() if "protoc  " not in line] for file in files}


def test_buf_gives_the_committed_stubs(generators: str, tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(block("yaml", "plugins:").replace("OUT", str(tmp_path)))

    run(ROOT / ".venv/bin/buf", "generate", "--template", template, cwd=ROOT, PATH=generators)

    assert without_versions(tmp_path / "agenttrace/v1") == without_versions(GO_STUBS)


def test_protoc_alone_gives_the_committed_stubs(generators: str, tmp_path: Path) -> None:
    need_protoc()

    run("sh", "-c", block("sh", "--go_out").replace("OUT", str(tmp_path)), cwd=ROOT, PATH=generators)

    assert without_versions(tmp_path / "agenttrace/v1") == without_versions(GO_STUBS)


def test_the_recipe_for_cpp_records_a_run(product: Product, tmp_path: Path) -> None:
    need("g++", "grpc_cpp_plugin", "pkg-config")
    need_protoc()
    if subprocess.run(["pkg-config", "--exists", "grpc++"], check=False).returncode:
        pytest.skip("not installed: grpc++ for pkg-config (Debian: libgrpc++-dev)")
    (tmp_path / "proto").symlink_to(ROOT / "proto")
    (tmp_path / "record.cc").write_text(block("cpp", "int main"))
    run_id = new_id()

    run("sh", "-ec", block("sh", "--cpp_out"), cwd=tmp_path)
    told = run("build/record", run_id, new_id(), cwd=tmp_path, AGENTTRACE_ENDPOINT=product.endpoints["ingest"])

    assert told == "1 message acknowledged, 1 step stored\n"
    with agenttrace.QueryClient(product.endpoints["query"]) as client:
        assert client.run(run_id).completeness.complete
