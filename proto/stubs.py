"""Runs the pinned generators: the stubs of Python and of Go. Java and Rust make theirs when they are built."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
PYTHON_STUBS = "clients/python/src/agenttrace/v1"
GO_CLIENT = "clients/go"
GO_STUBS = f"{GO_CLIENT}/agenttrace/v1"
# A module of its own, so that the generators are no dependencies of the client; its go.sum pins them.
GO_GENERATORS = PROTO / "generators"
GO_MODULE = "github.com/agenttrace/agenttrace/clients/go"


def generated(folder: Path, *, with_go: bool) -> dict[str, str]:
    """Return the text of every stub by its path in the repository.

    Args:
        folder: A temporary one.
        with_go: False where the machine has no Go.
    """
    made = _python(folder / "python")
    return made | _go(folder / "go") if with_go else made


def committed(*, with_go: bool) -> list[str]:
    """Return the committed stubs, so that one whose .proto is gone is noticed."""
    found = [*(ROOT / PYTHON_STUBS).glob("*_pb2*"), *((ROOT / GO_STUBS).glob("*.pb.go") if with_go else ())]
    return [str(path.relative_to(ROOT)) for path in found]


def why_not_go() -> str:
    """Return why Go's stubs can not be made here; empty where they can."""
    return "" if shutil.which("go") else "go is not installed"


def _python(folder: Path) -> dict[str, str]:
    folder.mkdir()
    _protoc(f"--python_out={folder}", f"--pyi_out={folder}", f"--grpc_python_out={folder}")
    made = sorted((folder / "agenttrace" / "v1").iterdir())
    wanted = [path for path in made if "_grpc" not in path.name or "service" in path.name]
    return {f"{PYTHON_STUBS}/{path.name}": path.read_text() for path in wanted}


def _go(folder: Path) -> dict[str, str]:
    folder.mkdir()
    tools = folder / "tools"
    go = shutil.which("go") or "go"
    subprocess.run([go, "build", "-C", GO_GENERATORS, "-o", f"{tools}/", "tool"], check=True)
    _protoc(
        *(f"--plugin={tools / name}" for name in ("protoc-gen-go", "protoc-gen-go-grpc")),
        *(f"--{plugin}_out={folder}" for plugin in ("go", "go-grpc")),
        *(f"--{plugin}_opt=module={GO_MODULE}" for plugin in ("go", "go-grpc")),
    )
    made = sorted((folder / "agenttrace" / "v1").iterdir())
    return {f"{GO_STUBS}/{path.name}": path.read_text() for path in made}


def _protoc(*arguments: str) -> None:
    from grpc_tools import protoc  # noqa: PLC0415  only the generator's own environment has it

    includes = Path(protoc.__file__).parent / "_proto"
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    if protoc.main(["protoc", f"-I{PROTO}", f"-I{includes}", *arguments, *files]) != 0:
        raise SystemExit("protoc failed")
