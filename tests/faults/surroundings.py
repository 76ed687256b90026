"""Disks that are small, and networks that can be cut. They need Linux and root; elsewhere a test skips and says why."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fix_product import clean_environment

_NOBODY = "02:00:00:00:00:01"  # a network card that is not there


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A file system of its own, of a size as `mount` understands it."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False) if os.geteuid() == 0 else None
    if made is None or made.returncode:
        pytest.skip(f"no small file system can be mounted: {made.stderr.strip() if made else 'not root'}")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


@dataclass(frozen=True)
class Network:
    """Another host on a link of its own.

    Attributes:
        inside: How to run a program there.
        ours: Our address as it sees it.
        theirs: Its address as we see it.
    """

    name: str
    ours: str
    theirs: str

    @property
    def inside(self) -> list[str]:
        return ["ip", "netns", "exec", self.name]

    def link(self, state: str) -> None:
        """Pull the cable ("down"), or put it back ("up")."""
        _ip("link", "set", self.name, state)

    def lose_what_it_sends(self) -> None:
        """From now on nothing arrives of what the other host sends; it goes to a card that nobody has."""
        _ip("-n", self.name, "neigh", "replace", self.ours, "lladdr", _NOBODY, "nud", "permanent", "dev", "eth0")

    def lose_what_it_is_sent(self) -> None:
        """From now on nothing that we send arrives there."""
        _ip("neigh", "replace", self.theirs, "lladdr", _NOBODY, "nud", "permanent", "dev", self.name)

    def mend(self) -> None:
        """What is sent arrives again."""
        _ip("-n", self.name, "neigh", "flush", "dev", "eth0", "nud", "permanent")
        _ip("neigh", "flush", "dev", self.name, "nud", "permanent")

    @contextlib.contextmanager
    def running_python(self, program: str, *arguments: str) -> Iterator[Callable[[], str]]:
        """Run a program there; give what reads its next line."""
        command = [*self.inside, sys.executable, "-c", program, *arguments]
        environment = clean_environment(PYTHONPATH=str(Path(__file__).parents[1]))
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process.stdout.readline  # type: ignore[union-attr]
            finally:
                process.kill()


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A host of its own, a link away."""
    name = f"at-{uuid.uuid4().hex[:8]}"
    dice = random.SystemRandom()
    subnet = f"10.{dice.randrange(200, 250)}.{dice.randrange(1, 250)}"
    there = Network(name, f"{subnet}.1", f"{subnet}.2")
    try:
        _ip("netns", "add", name)
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("addr", "add", f"{there.ours}/30", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-n", name, "addr", "add", f"{there.theirs}/30", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError) as error:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        pytest.skip(f"no network namespaces here: {getattr(error, 'stderr', '') or error}")
    try:
        yield there
    finally:
        _ip("netns", "del", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True)
