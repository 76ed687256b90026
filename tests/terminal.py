"""A terminal in which the commands of a guide are run one after the other."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path


class CommandFailed(AssertionError):
    """A command did not end with 0; says which, and all that it printed."""


class Terminal:
    """Goes on from command to command: its folder, and what they export.

    `places`: what stands in commands, and what to read instead; hosts, ports and folders that are other ones here.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], places: Mapping[str, str]) -> None:
        self._folder = folder
        self._places = places
        self.environment = dict(environment)

    def another(self) -> Terminal:
        """A second one with the same settings: what it exports is not seen here."""
        return Terminal(self._folder, self.environment, self._places)

    def here(self, text: str) -> str:
        """Return the text with the places of this machine."""
        # At once: what is put in may look like another of them.
        return re.sub("|".join(map(re.escape, self._places)), lambda found: self._places[found[0]], text)

    def run(self, command: str) -> str:
        """Run it; return what it prints. Raises CommandFailed."""
        with tempfile.NamedTemporaryFile() as state:
            script = f'{self.here(command)}\nenv --null > "$0"'
            done = subprocess.run(
                ["timeout", "200", "bash", "-euo", "pipefail", "-c", script, state.name],
                cwd=self._folder,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise CommandFailed(f"{command}\n{done.stdout}{done.stderr}")
            exported = Path(state.name).read_text().split("\0")
        self.environment = dict(line.split("=", 1) for line in exported if line)
        self._folder = Path(self.environment["PWD"])
        return done.stdout

    def path_of(self, name: str) -> Path:
        """The file that a command would take this name for."""
        return Path(os.path.normpath(self._folder / self.here(name)))
