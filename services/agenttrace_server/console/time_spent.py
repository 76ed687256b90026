"""Draws what the time of a run went to: its critical path by type of step, which is the legend of the timeline too."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from agenttrace.showing.wording import length, step_type_word
from agenttrace_server.console.markup import element, joined, spelt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markupsafe import Markup

    from agenttrace_server.console.waterfall import Timeline

_WAITING = "between steps"


def time_spent(timeline: Timeline) -> Markup:
    """Return the bar, and each type of step that occurs with its share of the critical path."""
    spent = _by_type(timeline)
    whole = sum(spent.values()) or 1.0
    entries = joined(_entry(word, seconds, whole) for word, seconds in spent.items())
    words = "Time on the critical path: " + ", ".join(f"{word} {length(taken)}" for word, taken in spent.items())
    bar = element("svg", *_pieces(spent.items(), whole), class_="spent", height=8, role="img", aria_label=words)
    return bar + element("ul", entries, class_="legend")


def _by_type(timeline: Timeline) -> dict[str, float]:
    """Return the seconds that each type of step has on the critical path, the most first; 0 for one that has none."""
    spent: Counter[str] = Counter()
    for row in timeline.rows:
        for attempt in row.attempts:
            word = step_type_word(attempt.step.type)
            spent[word] += sum(end - start for start, end in attempt.critical)  # type: ignore[assignment]
    waiting = sum(end - start for start, end in timeline.waiting)
    return dict(spent.most_common()) | ({_WAITING: waiting} if waiting > 0 else {})


def _pieces(spent: Iterable[tuple[str, float]], whole: float) -> list[Markup]:
    pieces, x = [], 0.0
    for word, taken in spent:
        width = 100 * taken / whole
        style = "waiting" if word == _WAITING else f"mark t-{word}"
        pieces.append(element("rect", class_=style, x=f"{spelt(x)}%", width=f"{spelt(width)}%", height=8))
        x += width
    return pieces


def _entry(word: str, taken: float, whole: float) -> Markup:
    swatch = element("span", class_="swatch waiting" if word == _WAITING else f"swatch t-{word}")
    share = element("small", f"{100 * taken / whole:.0f} %") if taken else ""
    return element("li", swatch, word, " ", share)
