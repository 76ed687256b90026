"""The command: runs sections, prints their tables, writes build/bench.json."""

from __future__ import annotations

import argparse
import json
import os
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import machine
from benchmarks.bench import Bench
from benchmarks.figures import Figure, table
from benchmarks.sections import SECTIONS, Section

_OUTPUT = Path(__file__).parents[2] / "build" / "bench.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 1 where a section could not be measured or was not exact."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if Console().is_terminal else 200, highlight=False)
    report: dict[str, Any] = {"machine": machine.description(), "settings": options.set, "rounds": options.rounds}
    console.print(" · ".join(f"{name} {value}" for name, value in report["machine"].items()))
    bench = Bench(rounds=options.rounds, seconds=options.seconds, settings=_settings(options.set))
    report |= {"seconds": bench.seconds, "stored_steps": bench.stored_steps, "sections": {}}
    with bench.stack:
        for name in options.only:
            report["sections"][name] = _measured(console, name, SECTIONS[name], bench)
            options.output.parent.mkdir(parents=True, exist_ok=True)
            options.output.write_text(json.dumps(report, indent=2) + "\n")
    console.print(f"written to {options.output}")
    return 1 if any(section["error"] for section in report["sections"].values()) else 0


def _measured(console: Console, name: str, section: Section, bench: Bench) -> dict[str, Any]:
    """Run a section and print its table; one that fails does not end the others."""
    console.print(f"\n[bold]{name}[/]: {section.METHOD}")
    began, load, error = time.monotonic(), os.getloadavg(), ""
    figures: Sequence[Figure] = ()
    try:
        figures = section.run(bench)
    except Exception as failure:
        traceback.print_exc()
        error = f"{type(failure).__name__}: {failure}"
    took = time.monotonic() - began
    console.print(table(f"{name} ({took:.0f} s; load average before {load[0]:.1f})", figures))
    return {
        "method": section.METHOD,
        "seconds": took,
        "load_average_before": load,
        "error": error,
        "figures": [figure.as_json() for figure in figures],
    }


def _settings(pairs: Sequence[str]) -> dict[str, str]:
    return {f"AGENTTRACE_SERVER_{name.upper()}": value for name, _, value in (pair.partition("=") for pair in pairs)}


def _sections(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(SECTIONS):
        raise argparse.ArgumentTypeError(f"no section {', '.join(sorted(unknown))}: there are {', '.join(SECTIONS)}")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the product beside its limits and rivals. "
        "BENCH_STEPS: stored steps for reads and growth, 1000000. BENCH_LARGE=1: 20000000, and 5 minutes of memory.",
    )
    parser.add_argument("--only", type=_sections, default=list(SECTIONS), metavar="A,B", help=", ".join(SECTIONS))
    parser.add_argument("--rounds", type=int, default=3, help="how often what is noisy is measured: 3")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long one load lasts at most: 4")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server")
    parser.add_argument("--output", type=Path, default=_OUTPUT, help="where the JSON goes: build/bench.json")
    return parser
