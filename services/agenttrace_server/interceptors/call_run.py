"""Which run a call is about, as far as it is about one: told by whoever reads its requests."""

from __future__ import annotations

from contextvars import ContextVar

# Of this call alone: each has a task, and a task its own context.
_run_id: ContextVar[str] = ContextVar("run_id", default="")


def tell(run_id: str) -> None:
    """Say it, the first time."""
    if not _run_id.get():
        _run_id.set(run_id)


def told() -> str:
    """Return what was told, "" where nothing was."""
    return _run_id.get()
