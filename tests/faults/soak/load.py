"""The load of a soak: raw uploads with a journal of acknowledgements, and agents with a spool."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faults.agent import Agent, Task
from faults.courier import channel_to, send
from faults.oracle import SEED, Generator, Item, Journal, Key, Message
from faults.processes import Proxy

CANARY = "canary-7f3a-of-an-exception"
_MESSAGES_PER_STREAM = 5
_AGENT_STEPS = 30


class RawLoad:
    """Clients that send seeded items in streams, each until it is acknowledged, and some of them again.

    Attributes:
        sent: What was ever sent, and what must be stored of it.
        acknowledged_at: When, by the monotonic clock, something was last acknowledged.
    """

    def __init__(self, ways: list[Proxy], journal: Journal, *, clients: int, pause_seconds: float) -> None:
        self.sent: dict[Key, str] = {}
        self.acknowledged_at = 0.0
        self._journal = journal
        self._pause_seconds = pause_seconds
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guard, args=(number, ways[number % len(ways)])) for number in range(clients)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self, seconds: float) -> None:
        """Send nothing new, wait until everything is acknowledged; raise what a client has died of."""
        self._stop.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._errors:
            raise self._errors[0]
        assert not any(thread.is_alive() for thread in self._threads), f"not acknowledged within {seconds} s"

    def note(self, items: list[Item]) -> None:
        """Note what is about to be sent."""
        with self._lock:
            self.sent.update((item.key, item.content) for item in items)

    def _guard(self, number: int, way: Proxy) -> None:
        try:
            self._client(random.Random(f"{SEED}/soak/{number}"), way)
        except BaseException as error:
            self._errors.append(error)

    def _client(self, chance: random.Random, way: Proxy) -> None:
        make = Generator(chance)
        waiting: list[Message] = []
        again = False
        with channel_to(way.address) as channel:
            while waiting or not self._stop.is_set():
                if len(waiting) < _MESSAGES_PER_STREAM and not self._stop.is_set():
                    items = make.runs(8)
                    self.note(items)
                    waiting += make.messages(items)
                stream, waiting = waiting[:_MESSAGES_PER_STREAM], waiting[_MESSAGES_PER_STREAM:]
                left = send(channel, stream, self._journal, resend=again, timeout=15)
                if len(left) < len(stream):
                    self.acknowledged_at = time.monotonic()
                again = bool(left)
                # Now and then all of it once more, as after a lost answer.
                waiting = [*left, *waiting, *(stream if not left and chance.random() < 0.05 else ())]
                self._stop.wait(chance.uniform(0.5, 1.5) * self._pause_seconds)


class AgentKeeper:
    """An agent with a spool that is started again whenever it was killed.

    Attributes:
        folder: Where its journals are.
    """

    def __init__(self, folder: Path, way: Proxy, enough: Path) -> None:
        self.folder = folder
        self._spool = folder / "spool"
        self._task: Callable[..., Task] = lambda **values: Task(
            endpoint=f"http://{way.address}",
            folder=str(folder),
            spool=str(self._spool),
            steps=_AGENT_STEPS,
            flush_seconds=0.05,
            pause_seconds=0.2,
            canary=CANARY,
            enough=str(enough),
            then="close",
            **values,
        )
        self._lost = 0
        self._last: dict[str, Any] = {}
        self._start()

    def kill(self) -> None:
        """End it at once, and start the next on the same spool."""
        self._agent.kill()
        self._finish()
        self._start()

    def end(self) -> None:
        """Wait until it has closed, and its successors have sent what it left on the disk."""
        self._agent.process.wait(60)
        self._finish()
        for _ in range(10):
            if not any(name.suffix == ".spool" for name in self._spool.iterdir()):
                break
            self._start(runs=0, endless=False)
            self._agent.process.wait(60)
            self._finish()
        assert not self._lost, f"{self._lost} items dropped, damaged or rejected"

    @property
    def warnings(self) -> str:
        return (self.folder / "stderr").read_text()

    def _start(self, *, runs: int = 1_000_000, endless: bool = True) -> None:
        self._agent = Agent(self._task(runs=runs if endless else 0))
        self._reader = threading.Thread(target=self._read, args=(self._agent,))
        self._reader.start()

    def _read(self, agent: Agent) -> None:
        while True:
            try:
                self._last = agent.line()
            except (AssertionError, ValueError):
                return

    def _finish(self) -> None:
        self._reader.join()
        self._agent.__exit__()
        self._lost += sum(self._last.get(name, 0) for name in ("dropped", "damaged", "rejected"))
        self._last = {}
