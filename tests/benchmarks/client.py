"""A process that sends a load, apart from everything that is measured."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from multiprocessing.connection import Connection

from benchmarks.loads import Load, Sent

_SECONDS_TO_PREPARE = 120
_SECONDS_TO_SEND = 600


class Client:
    """A client process that has its messages made and its connections open."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def send(self) -> Sent:
        """Send everything; return what became of it."""
        self._pipe.send("go")
        sent = _receive(self._pipe, _SECONDS_TO_SEND)
        assert isinstance(sent, Sent)
        return sent


@contextmanager
def client(load: Load) -> Iterator[Client]:
    """Start a process that is ready to send."""
    spawn = multiprocessing.get_context("spawn")  # gRPC does not survive a fork
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, load), daemon=True)
    process.start()
    theirs.close()
    try:
        _receive(ours, _SECONDS_TO_PREPARE)
        yield Client(ours)
        process.join(30)
    finally:
        process.kill()
        ours.close()


def _receive(pipe: Connection, seconds: float) -> object:
    if not pipe.poll(seconds):
        raise TimeoutError(f"the client process did not answer within {seconds} s")
    return pipe.recv()


def _serve(pipe: Connection, load: Load) -> None:
    load.prepare()
    asyncio.run(_run(pipe, load))


async def _run(pipe: Connection, load: Load) -> None:
    sent = Sent()
    async with AsyncExitStack() as stack:
        uploads = await load.connect(stack)
        pipe.send("ready")
        pipe.recv()
        cpu, began = _cpu_seconds(), time.perf_counter()
        await load.run(uploads, sent)
        sent.elapsed = time.perf_counter() - began
        sent.cpu_seconds = _cpu_seconds() - cpu
        pipe.send(sent)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
