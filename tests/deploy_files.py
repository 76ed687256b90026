"""What deploy/ holds, read as its tests need it."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from agenttrace_server.config import PREFIX, Config

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
SECRETS_SCRIPT = DEPLOY / "generate_secrets.sh"
SETTINGS = {PREFIX + f.name.upper() for f in dataclasses.fields(Config)} | {
    f"{PREFIX}{f.name.upper()}_FILE" for f in dataclasses.fields(Config) if not f.repr
}
# Each service's address and /metrics, where the settings have them unless they say otherwise.
PORTS = {
    "ingest": {50051, 9464},
    "query": {50052, 9465},
    "console": {8080, 9466},
    "maintain": {9467},
}


class Instruction(NamedTuple):
    """A line of a Dockerfile."""

    stage: int
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """What follows the name: JSON, or words as a shell has them."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


def dockerfile() -> list[Instruction]:
    """Return the instructions in their order; the first stage is 1."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    found: list[Instruction] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, text = line.strip().partition(" ")
        if name:
            stage = (found[-1].stage if found else 0) + (name == "FROM")
            found.append(Instruction(stage, name, " ".join(text.split())))
    return found


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def our_services() -> dict[str, dict[str, Any]]:
    """The services of compose.yaml that run our image."""
    return {
        name: told for name, told in compose()["services"].items() if told["image"].startswith("${AGENTTRACE_IMAGE")
    }


def manifests(*folders: str) -> Iterator[dict[str, Any]]:
    """Every object of the Kubernetes manifests; kustomizations and patches aside."""
    for folder in folders or ("base",):
        for file in sorted((DEPLOY / "kubernetes" / folder).glob("*.yaml")):
            if file.name != "kustomization.yaml":
                yield from yaml.safe_load_all(file.read_text())


def settings_in(text: str) -> set[str]:
    """The names of settings in a text."""
    return set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", text))


def files(folder: Path, names: Iterable[str]) -> list[Path]:
    return [file for name in names for file in sorted(folder.glob(name)) if file.is_file()]
