"""`make audit` fails on what is open, and says so where it can not tell."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {"name": "clean", "version": "1", "vulns": []}
OPEN = {
    "name": "broken",
    "version": "1",
    "vulns": [{"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2"]}],
}
STRANGE = {"name": "strange", "skip_reason": "not found"}


@pytest.fixture
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci/audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ([CLEAN], 0, "1 dependencies looked up, 0 open findings"),
        ([CLEAN, OPEN], 1, "broken 1: PYSEC-2026-1, fixed in 2"),
        ([CLEAN, STRANGE], 1, "strange: could not be looked up"),
        ([STRANGE, STRANGE], 0, "skipped, the advisory service knows none of 2"),
        ("ConnectionError", 0, "skipped, the advisory service can not be reached (ConnectionError)"),
    ],
)
def test_its_exit_code_tells(
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: Any,
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr(audit, "_ask", lambda: answer)

    assert audit.main() == code
    assert said in capsys.readouterr().out


def test_a_judged_finding_is_not_open(audit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_ask", lambda: [OPEN])
    monkeypatch.setitem(audit.JUDGED, "CVE-2026-1", "it is about what we do not use")

    assert audit.main() == 0


def test_what_is_judged_stands_in_the_documentation(audit: ModuleType) -> None:
    text = (ROOT / "docs/security.md").read_text()

    assert [name for name in audit.JUDGED if name not in text] == []
