"""The colours of statuses and step types on a terminal."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from agenttrace.showing.wording import STATUS_MARKS, status_word

STATUS_STYLES: Final = {
    "success": "green",
    "failure": "bold red",
    "partial": "yellow",
    "running": "cyan",
    "cancelled": "dim",
    "abandoned": "magenta",
}
TYPE_STYLES: Final = {
    "plan": "blue",
    "retrieve": "cyan",
    "tool": "yellow",
    "model": "magenta",
    "respond": "green",
    "handoff": "bright_blue",
    "guardrail": "bright_cyan",
    "other": "white",
}


def status(number: int) -> Text:
    """Return a run's status with its mark, in its colour."""
    word = status_word(number)
    return Text(f"{STATUS_MARKS.get(word, '·')} {word.upper()}", STATUS_STYLES.get(word, ""))


def is_bad(number: int) -> bool:
    """Whether a status says that a run did not do all it was for."""
    return status_word(number) in {"failure", "partial", "abandoned"}
