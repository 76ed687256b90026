"""What the guides call and no test can have: Docker's engine, a cluster, systemd. Their calls are read, not made.

Each takes the words of a call as the program would, and what they name has to be there. A word that is not known here
ends as a SystemExit with argparse's reason.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import yaml

from agenttrace_server import cli
from deploy_files import compose, dockerfile, manifests
from terminal import Terminal


def docker(words: list[str], terminal: Terminal) -> argparse.Namespace:
    """`docker compose` with the services and profiles of its file; `docker build` with those of the Dockerfile."""
    told = _docker_parser().parse_args(words[1:])
    assert terminal.path_of(told.file).is_file(), words
    if told.command == "compose":
        _check_compose(told, terminal.path_of(told.file).parent)
    else:
        arguments = {line.text.partition("=")[0] for line in dockerfile() if line.name == "ARG"}
        assert terminal.path_of(told.context).is_dir()
        assert {told.partition("=")[0] for told in told.build_arg} <= arguments
    return told


def _check_compose(told: argparse.Namespace, folder: Path) -> None:
    services = compose()["services"]
    if told.step == "build":
        assert any("build" in service for service in services.values())
    elif told.step == "up":
        # What the commands before have made for it.
        assert all((folder / secret["file"]).is_file() for secret in compose()["secrets"].values())
        assert (folder / ".env").is_file()
        assert {"roles", "migrate"} <= {name for name, service in services.items() if "profiles" not in service}
    else:
        # `run` starts a service in spite of its profile.
        assert services[told.service].get("profiles") == [told.service]
        assert cli._parser().parse_args(told.arguments)


def _docker_parser() -> argparse.ArgumentParser:
    commands = _parsers(parser := argparse.ArgumentParser("docker", allow_abbrev=False), "command")
    build = commands.add_parser("build", allow_abbrev=False)
    build.add_argument("--file", required=True)
    build.add_argument("--tag", required=True)
    build.add_argument("--build-arg", action="append", default=[])
    build.add_argument("context")
    compose_parser = commands.add_parser("compose", allow_abbrev=False)
    compose_parser.add_argument("--file", required=True)
    steps = _parsers(compose_parser, "step")
    steps.add_parser("build", allow_abbrev=False)
    up = steps.add_parser("up", allow_abbrev=False)
    run = steps.add_parser("run", allow_abbrev=False)
    for option in ("--build", "--detach", "--wait"):
        up.add_argument(option, action="store_true")
    run.add_argument("--rm", action="store_true")
    run.add_argument("service")
    run.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser


def kubectl(words: list[str], terminal: Terminal) -> argparse.Namespace:
    """A folder is one that kustomize takes, an object or a namespace one of the manifests."""
    told = _kubectl_parser().parse_args(words[1:])
    known = {(each["kind"].lower(), each["metadata"]["name"]) for each in manifests("base")}
    assert told.namespace is None or ("namespace", told.namespace) in known, words
    if told.command == "apply":
        _check_kustomization(terminal.path_of(told.kustomize) / "kustomization.yaml")
    else:
        kind, name = told.object if len(told.object) == 2 else told.object[0].split("/")
        assert (kind, name) in known, words
    return told


def _check_kustomization(file: Path) -> None:
    """What an overlay names is there, the secrets too that it is to generate."""
    told: dict[str, Any] = yaml.safe_load(file.read_text())
    generated = [name.split("=")[1] for secret in told["secretGenerator"] for name in secret["files"]]
    for name in [*told["resources"], *told.get("components", []), *generated]:
        assert (file.parent / name).exists(), name


def _kubectl_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("kubectl", allow_abbrev=False)
    parser.add_argument("--namespace")
    commands = _parsers(parser, "command")
    commands.add_parser("apply", allow_abbrev=False).add_argument("--kustomize", required=True)
    wait = commands.add_parser("wait", allow_abbrev=False)
    wait.add_argument("--for", choices=["condition=complete"], required=True)
    wait.add_argument("--timeout")
    rollout = commands.add_parser("rollout", allow_abbrev=False)
    rollout.add_argument("step", choices=["status"])
    delete = commands.add_parser("delete", allow_abbrev=False)
    delete.add_argument("--ignore-not-found", action="store_true")
    for each in (wait, rollout, delete):
        each.add_argument("object", nargs="+")
    return parser


def systemctl(words: list[str], units: Path) -> list[Path]:
    """The units that a call starts; all are installed."""
    parser = argparse.ArgumentParser("systemctl", allow_abbrev=False)
    commands = _parsers(parser, "command")
    commands.add_parser("daemon-reload")
    enable = commands.add_parser("enable", allow_abbrev=False)
    enable.add_argument("--now", action="store_true", required=True)
    enable.add_argument("units", nargs="+")
    told = parser.parse_args(words[1:])
    found = [units / f"{name}.service" for name in getattr(told, "units", [])]
    assert all(unit.is_file() for unit in found), words
    return found


def unit_command(unit: Path, terminal: Terminal, credentials: Path) -> tuple[list[str], dict[str, str]]:
    """What systemd would run for a unit, and with which settings; its credentials are copied, as systemd does.

    The files of its folder NAME.service.d add to it.
    """
    added = sorted(unit.with_name(f"{unit.name}.d").glob("*.conf"))
    text = terminal.here("\n".join(file.read_text() for file in (unit, *added)))
    for name, source in re.findall(r"^LoadCredential=(.*?):(.*)$", text, re.MULTILINE):
        (credentials / name).write_text(Path(source).read_text())
    settings = dict(re.findall(r"^Environment=(\w+)=(.*)$", text.replace("%d", str(credentials)), re.MULTILINE))
    # Files say more than the unit, the later one more than the one before.
    for optional, file in re.findall(r"^EnvironmentFile=(-?)(.*)$", text, re.MULTILINE):
        if not optional or Path(file).exists():
            settings |= dict(re.findall(r"^(\w+)=(.*)$", Path(file).read_text(), re.MULTILINE))
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    return command.split(), settings


def _parsers(parser: argparse.ArgumentParser, name: str) -> Any:
    return parser.add_subparsers(dest=name, required=True)
