"""Programs that some tests need and a machine may lack."""

from __future__ import annotations

import os
import shutil

import pytest


def tool(name: str, *, package: str) -> str:
    """Return the path of a program; where it is missing, skip, or fail where nothing may be skipped (CI).

    Args:
        package: Debian's name of what has it, for the reason that is printed.
    """
    found = shutil.which(name)
    if found:
        return found
    reason = f"{name} is not installed (Debian: {package})"
    if os.environ.get("AGENTTRACE_REQUIRE_TOOLS"):
        pytest.fail(f"{reason}, and AGENTTRACE_REQUIRE_TOOLS is set")
    pytest.skip(reason)
