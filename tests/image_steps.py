"""Does what the Dockerfile says without a container: its COPY and RUN instructions, in a folder that stands for /."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy_files import ROOT, Instruction, dockerfile
from fix_product import clean_environment

# The folders that the instructions name from the root.
_PLACES = re.compile(r"(?<![\w.])/(?=(src|opt|wheels)\b)")
_UNREACHABLE = re.compile("connect|dns|resolve|timed out|no matching distribution", re.IGNORECASE)


def build(folder: Path) -> Path:
    """Run the first stage under a folder; return the environment that the last one copies, of another place's name."""
    place = folder
    for line in dockerfile():
        if line.stage == 1 and line.name == "WORKDIR":
            place = folder / line.text.lstrip("/")
            place.mkdir(parents=True)
        elif line.stage == 1 and line.name == "COPY":
            _copy(line, place)
        elif line.stage == 1 and line.name == "RUN":
            _run(line, folder, place)
    return folder / "opt/agenttrace"


def _copy(line: Instruction, place: Path) -> None:
    *sources, target = line.words
    for source in map(ROOT.joinpath, sources):
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "dist")
            shutil.copytree(source, place / target, ignore=ignored)
        else:
            (place / target).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place / target)


def _run(line: Instruction, folder: Path, place: Path) -> None:
    command = _PLACES.sub(f"{folder}/", line.text)
    # `python` is this one; pip may use what it has fetched before.
    environment = clean_environment(PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    done = subprocess.run(
        ["sh", "-ec", command], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"RUN {command}\n{done.stdout}{done.stderr}")


def skip_without_registry(said: str) -> None:
    """Skip where pip says that it reaches nobody; never in CI."""
    if "CI" not in os.environ and _UNREACHABLE.search(said):
        pytest.skip("the package registry cannot be reached")
