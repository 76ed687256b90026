"""Files of the repository that travel in the wheel, found in a source checkout as well."""

from __future__ import annotations

from pathlib import Path

# An editable install does not see what the build forces into the wheel: then the checkout has it.
_INSTALLED = Path(__file__).parent / "bundled"
_CHECKOUT = Path(__file__).parents[2]


def path(name: str) -> Path:
    """Return a file or folder by its path in the repository."""
    installed = _INSTALLED / name
    return installed if installed.exists() else _CHECKOUT / name
