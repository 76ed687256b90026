"""The numbers of a chart as a table that can be unfolded: the same for those who see no drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.showing.wording import NONE
from agenttrace_server.console.markup import element, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup

    from agenttrace_server.console.charts import Series


def table(
    title: str, labels: Sequence[str], series: Sequence[Series], spell: Callable[[float], str], links: Sequence[str]
) -> Markup:
    """Return the table: a row for each label, a column for each series."""
    heads = joined([element("td"), *(element("th", one.name, scope="col") for one in series)])
    rows = joined(
        _row(label, [one.values[index] for one in series], spell, links[index] if links else "")
        for index, label in enumerate(labels)
    )
    inside = element("table", element("thead", element("tr", heads)), element("tbody", rows))
    scroll = element("div", inside, class_="scroll", tabindex=0, role="region", aria_label=f"{title}: numbers")
    return element("details", element("summary", "As a table"), scroll, class_="numbers")


def _row(label: str, values: Sequence[float | None], spell: Callable[[float], str], link: str) -> Markup:
    name = element("a", label, href=link) if link else label
    cells = joined(element("td", NONE if value is None else spell(value)) for value in values)
    return element("tr", element("th", name, scope="row"), cells)
