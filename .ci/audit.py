"""Asks the advisory service about every locked dependency, for `make audit`.

Exits 1 where a version has a known vulnerability that is not judged below, or where some dependencies could not be
looked up; 0 otherwise. Where the service can not be reached at all it says so, and exits 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
# Advisories that do not concern us, with the reason. docs/security.md has them too.
JUDGED: dict[str, str] = {}


def main() -> int:
    """Audit the lock file; return the exit code."""
    answer = _ask()
    if isinstance(answer, str):
        print(f"audit: skipped, the advisory service can not be reached ({answer})")
        return 0
    unknown = [found["name"] for found in answer if "skip_reason" in found]
    if len(unknown) == len(answer):
        print(f"audit: skipped, the advisory service knows none of {len(answer)} dependencies: is it a mirror's?")
        return 0
    open_findings = [line for found in answer for line in _open_findings(found)]
    for line in open_findings + [f"{name}: could not be looked up" for name in unknown]:
        print(line)
    print(f"audit: {len(answer) - len(unknown)} dependencies looked up, {len(open_findings)} open findings")
    return 1 if open_findings or unknown else 0


def _ask() -> list[dict[str, Any]] | str:
    """Return what the service says about each dependency, or why it says nothing."""
    # The lock file is complete: pip need not resolve, and nothing is installed.
    options = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    command = [sys.executable, "-m", "pip_audit", "-r", str(LOCK), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    try:
        return json.loads(done.stdout)["dependencies"]  # type: ignore[no-any-return]
    except (json.JSONDecodeError, KeyError):
        lines = done.stderr.strip().splitlines() or ["no answer"]
        return lines[-1]


def _open_findings(found: dict[str, Any]) -> list[str]:
    """A line for each advisory about a dependency that is not judged."""
    lines = []
    for advisory in found.get("vulns", ()):
        names = {advisory["id"], *advisory["aliases"]}
        if not names & JUDGED.keys():
            fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
            lines.append(f"{found['name']} {found['version']}: {advisory['id']}, fixed in {fixed}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
