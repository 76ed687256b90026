"""Elements of HTML and SVG, made so that nothing in them can be taken for markup."""

from __future__ import annotations

from markupsafe import Markup, escape

# Elements of HTML that have no end.
_VOID = frozenset({"col"})


def element(name: str, *children: str, **attributes: object) -> Markup:
    """Return an element; attributes that are None or False are left out.

    `class_` is class, `data_step` is data-step. Children and values that are no Markup are escaped.
    """
    told = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{told}/>")  # noqa: S704 - every part is escaped
    inside = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{told}>{inside}</{name}>")  # noqa: S704 - every part is escaped


def joined(parts: object) -> Markup:
    """Return several pieces of markup as one."""
    return Markup("").join(parts)  # type: ignore[arg-type]


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(spelt(value))}"'


def spelt(value: object) -> object:
    """Return a number as short as a drawing needs it: a thousandth of a per cent is no pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
