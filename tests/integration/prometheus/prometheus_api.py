"""Asks a running Prometheus."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass
class Prometheus:
    """A running Prometheus, by its URL."""

    url: str

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an instant; what Prometheus does not understand fails the test."""
        result = self._ask("query", query=expr)["result"]
        return list(result)

    def value(self, expr: str) -> float | None:
        """The value of the one series there is; None where there is none."""
        found = self.query(expr)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def names(self) -> set[str]:
        """Every name of a series."""
        return set(self._ask("label/__name__/values"))

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def _ask(self, path: str, **parameters: str) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]
