"""docs/reliability.md names tests that exist, for every fault that a test claims; and what is left out is told."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text()
ROWS = re.findall(r"^\| (F\d+) \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)


def functions(path: str) -> dict[str, str]:
    """The tests of a file, each with its docstring."""
    tree = ast.parse((TESTS / path).read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return {node.name: ast.get_docstring(node) or "" for node in found}


def test_every_fault_of_the_table_names_tests_that_exist() -> None:
    named = [name for _, names in ROWS for name in re.findall(r"`([^`]+)`", names)]

    assert len(ROWS) == len({fault for fault, _ in ROWS}) == 42
    assert all(names.strip() for _, names in ROWS)
    for name in named:
        path, _, function = name.partition("::")
        assert function in functions(path), name


def test_every_fault_that_a_test_claims_is_in_the_table_with_it() -> None:
    for path in (TESTS / "faults").glob("test_*.py"):
        for function, docstring in functions(f"faults/{path.name}").items():
            for fault in re.findall(r"\bF\d+\b", docstring):
                assert f"`faults/{path.name}::{function}`" in dict(ROWS)[fault], (fault, function)


def test_a_plain_run_says_how_many_fault_tests_it_leaves_out() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    file = "tests/faults/test_half_open.py"

    plain, full = (
        subprocess.run([*command, *options, file], cwd=TESTS.parent, capture_output=True, text=True, check=False).stdout
        for options in ((), ("--faults",))
    )

    assert "2 fault tests that take long were left out: `make faults` runs all of them" in plain
    assert "left out" not in full
    assert full.count("::test_") == 2
