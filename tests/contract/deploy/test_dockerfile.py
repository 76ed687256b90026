"""The image's recipe: linted, locked, and with nothing in it that builds or installs."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agenttrace_server import cli
from deploy_files import DEPLOY, PORTS, ROOT, SETTINGS, dockerfile, settings_in

PINNED = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


def pinned(lock: Path) -> dict[str, str]:
    return dict(PINNED.findall(lock.read_text()))


def final(name: str) -> list[str]:
    last = max(line.stage for line in dockerfile())
    return [line.text for line in dockerfile() if line.stage == last and line.name == name]


def test_the_linter_has_nothing_to_say() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "--no-color", DEPLOY / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_last_stage_builds_and_installs_nothing() -> None:
    assert final("RUN") == []
    assert final("COPY") == ["--from=build /opt/agenttrace /opt/agenttrace"]
    assert all("slim" in image for image in final("FROM"))


def test_nothing_runs_as_root() -> None:
    (user,) = final("USER")

    assert int(user.split(":")[0]) > 0  # by number: Kubernetes can not tell who a name is


def test_the_image_says_the_ports_of_the_defaults() -> None:
    (exposed,) = final("EXPOSE")

    assert set(map(int, exposed.split())) == set.union(*PORTS.values())


def test_its_commands_are_commands_that_there_are() -> None:
    instructions = {line.name: line.words for line in dockerfile() if line.name in {"ENTRYPOINT", "CMD"}}
    (check,) = final("HEALTHCHECK")

    assert instructions["ENTRYPOINT"] == ["agenttrace-server"]
    assert cli._parser().parse_args(instructions["CMD"])
    assert cli._parser().parse_args(re.findall(r'"([^"]+)"', check.partition("CMD")[2])[1:])


def test_what_it_installs_is_what_everything_else_is_tested_with() -> None:
    everything = pinned(ROOT / "requirements.lock")

    for lock in ("requirements.lock", "requirements-build.lock"):
        assert pinned(DEPLOY / lock).items() <= everything.items()


def test_the_lock_has_all_that_the_server_needs_and_no_more() -> None:
    needed, names = set[str](), ["agenttrace-server"]
    while names:
        name = canonicalize_name(names.pop())
        if name not in needed:
            needed.add(name)
            wanted = map(Requirement, importlib.metadata.requires(name) or [])
            names += [
                each.name
                for each in wanted
                if not each.marker or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras_of(name)))
            ]

    locked = {canonicalize_name(name) for name in pinned(DEPLOY / "requirements.lock")}
    assert needed - {"agenttrace-server", "agenttrace-client"} <= locked
    # Needed on other systems or Pythons than this one.
    assert locked - needed <= {"colorama", "tzdata", "typing-extensions", "pycparser", "cffi"}


def extras_of(name: str) -> list[str]:
    """The extras by which something is required here."""
    return ["binary"] if name == "psycopg" else []


def test_what_is_copied_is_there_and_let_through() -> None:
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]

    for line in dockerfile():
        if line.name == "COPY" and not line.text.startswith("--from"):
            for source in line.words[:-1]:
                assert (ROOT / source).exists()
                assert any(Path(source).is_relative_to(known) for known in let_through), source


def test_every_setting_is_one_that_there_is() -> None:
    named = settings_in((DEPLOY / "Dockerfile").read_text())

    assert named
    assert named <= SETTINGS
