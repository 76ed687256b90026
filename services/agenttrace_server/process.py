"""Runs one service as a process: until a signal asks it to stop."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path

from agenttrace_server import server
from agenttrace_server.config import Config
from agenttrace_server.server import Endpoints

_log = logging.getLogger(__name__)


def _console_service(config: Config) -> AbstractAsyncContextManager[Endpoints]:
    from agenttrace_server.server.console import console_service  # noqa: PLC0415 - the others do not serve pages

    return console_service(config)


SERVICES: dict[str, Callable[[Config], AbstractAsyncContextManager[Endpoints]]] = {
    "ingest": server.ingest_service,
    "query": server.query_service,
    "maintain": server.maintain_service,
    "console": _console_service,
}


async def serve(name: str, config: Config, report_file: Path | None = None) -> None:
    """Run a service until SIGTERM or SIGINT, then drain it.

    `report_file`: where to write its endpoints as JSON once it serves.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with SERVICES[name](config) as endpoints:
        _log.info("serving", extra={"service": name, **asdict(endpoints)})
        if report_file:
            write_atomically(report_file, json.dumps(asdict(endpoints)))
        _spare_the_collector()
        await stop.wait()
        _log.info("draining", extra={"service": name})
    _log.info("stopped", extra={"service": name})


def _spare_the_collector() -> None:
    """Look for garbage less often: rows and messages come by the thousand, and hardly ever in cycles."""
    gc.collect()
    gc.freeze()  # what stands now stands for good
    gc.set_threshold(50_000, 20, 100)


def write_atomically(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)
