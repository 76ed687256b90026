"""Turns itself into one of PostgreSQL's programs that is interrupted when its owner ends.

A script of its own, run by `programs.py`: what it does must happen between fork and exec, and doing that in
Python within a process of many threads (`preexec_fn`) can deadlock, and calls gRPC's fork handlers. It runs
without site-packages, so it imports the standard library only.

    launcher.py OWNER-PID UID:GID|'' PROGRAM [ARGUMENT...]
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
# Not the owner's environment: it may hold secrets, and PG* variables would change what the program does.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def main(owner: int, account: str, program: str, *arguments: str) -> None:
    """Become `program`."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold what the tables hold
    # Before the death signal is asked for: Python's own handler would only note it, and exec forget it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if account:
        _become(*map(int, account.split(":")))
    end_with(owner)
    os.execve(program, [program, *arguments], _ENVIRONMENT)  # noqa: S606 - there is no shell, by intent


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def end_with(owner: int) -> None:
    """Have this process interrupted once `owner`, its parent, ends; a later change of account would undo it."""
    if sys.platform == "linux":
        _ask_for_death_signal()
    elif os.fork() == 0:
        watch(owner, os.getppid())
        os._exit(0)
    if os.getppid() != owner:
        sys.exit("the process that started this one has ended")


def _ask_for_death_signal() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGINT)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")


def watch(owner: int, program: int) -> None:
    """Interrupt `program`, our parent, once `owner` has ended: for kernels without a death signal."""
    while os.getppid() == program:
        if not alive(owner):
            os.kill(program, signal.SIGINT)
            return
        time.sleep(0.5)


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except OSError as exc:
        return exc.errno == errno.EPERM  # it is there, and another user's
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
