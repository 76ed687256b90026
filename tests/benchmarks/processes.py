"""Reads processor time and memory of processes from /proc; where that is missing (macOS) they are zero."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """The process and all that it started, directly or not."""
    parents = {child: int(stat[1]) for child, stat in _stats()}
    found = [pid]
    for known in found:  # grows while it is read
        found += [child for child, parent in parents.items() if parent == known]
    return found


def command(pid: int) -> str:
    """The command line."""
    return _read(_PROC / str(pid) / "cmdline").replace("\0", " ")


def cpu_seconds(pids: list[int]) -> float:
    """Processor time of the processes and of those of their children that have ended."""
    wanted = set(pids)
    return sum(sum(map(int, stat[11:15])) for pid, stat in _stats() if pid in wanted) / _TICKS


def machine_cpu_seconds() -> float:
    """Processor time of everything on this machine, what a hypervisor took away included."""
    fields = _read(_PROC / "stat").partition("\n")[0].split()[1:9]
    busy = [int(value) for index, value in enumerate(fields) if index not in (3, 4)]  # idle, waiting for disks
    return sum(busy) / _TICKS


def memory_bytes(pid: int, *, peak: bool = False) -> int:
    """Resident memory, now or at its peak."""
    name = "VmHWM:" if peak else "VmRSS:"
    lines = _read(_PROC / str(pid) / "status").splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Each process with the fields of its `stat` from the state on."""
    for folder in _PROC.glob("[0-9]*"):
        # The name before may hold spaces and parentheses.
        if fields := _read(folder / "stat").rpartition(")")[2].split():
            yield int(folder.name), fields


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
