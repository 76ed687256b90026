"""Leaves the long fault tests to `make faults`, and says that it does."""

from __future__ import annotations

from typing import Any

import pytest

_LEFT_OUT = pytest.StashKey[int]()
_NAME = "fault_tests_left_out"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", action="store_true", help="run the tests marked `faults` as well")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "faults: takes long or much; `make faults` runs it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--faults") or config.getoption("markexpr"):
        return
    left_out = [item for item in items if item.get_closest_marker("faults")]
    items[:] = [item for item in items if not item.get_closest_marker("faults")]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_LEFT_OUT] = len(left_out)
    # With -n it is the workers that collect: they tell the one that prints.
    getattr(config, "workeroutput", {})[_NAME] = len(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get(_NAME, 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    count = config.stash.get(_LEFT_OUT, 0)
    if count:
        terminalreporter.write_line(f"{count} fault tests that take long were left out: `make faults` runs all of them")
