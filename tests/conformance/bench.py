"""Measures how fast each client records and uploads: `python -m conformance.bench [--steps N]`.

Every client in turn records to one product of its own, on the machine where that product runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from conformance.clients import Client, all_clients, why_not
from fix_product import Product, up

HEAD = f"{'client':<12}{'steps/s':>10}{'recording, µs a step':>24}{'accepted':>10}{'known':>7}{'lost':>6}"


def main() -> int:
    """Print the table; return 1 where a client lost anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50_000, help="steps of each client")
    parser.add_argument("--only", default="", help="languages, with commas between them")
    options = parser.parse_args()
    chosen = [name for name in all_clients() if not options.only or name in options.only.split(",")]
    skipped = {name: why_not(name) or "" for name in chosen} | {
        name: "its client.json has no bench" for name in chosen if not all_clients()[name].bench
    }
    lost = 0
    with tempfile.TemporaryDirectory() as folder, up(Path(folder)) as product:
        print(HEAD)
        for name in chosen:
            if not skipped[name]:
                lost += show(name, measured(all_clients()[name].built(), product, options.steps, Path(folder)))
    for name, reason in skipped.items():
        if reason:
            print(f"{name}: skipped, {reason}")
    return 1 if lost else 0


def measured(client: Client, product: Product, steps: int, folder: Path) -> dict[str, Any]:
    """Return a client's report; it has uploaded a little before, so that nothing is cold."""
    settings = {name: value for name, value in product.environment.items() if name.startswith("AGENTTRACE_")}
    file = folder / f"{client.language}.json"
    for count in (1_000, steps):
        done = client.run(client.bench, "--steps", str(count), "--report", str(file), **settings)
        if done.returncode:
            raise SystemExit(f"{client.language}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(file.read_text())
    return report


def show(name: str, report: dict[str, Any]) -> int:
    """Print a client's line; return how many items it lost."""
    lost = int(report["dropped"] + report["rejected"])
    rate, each = report["steps"] / report["total_seconds"], report["record_seconds"] / report["steps"] * 1e6
    print(
        f"{name:<12}{rate:>10,.0f}{each:>24.1f}{report['accepted']:>10,}{report['duplicate']:>7,}{lost:>6,}", flush=True
    )
    return lost


if __name__ == "__main__":
    sys.exit(main())
