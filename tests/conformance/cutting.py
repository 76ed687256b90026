"""A proxy that breaks one connection in the middle of an answer."""

from __future__ import annotations

import contextlib
import socket
import threading

from faults.processes import Proxy


class CuttingProxy(Proxy):
    """Forwards connections; the first over which so many bytes of answers came is broken, and no other."""

    def __init__(self, target: tuple[str, int], *, after_bytes: int) -> None:
        super().__init__(target)
        self.cuts = 0
        self._after_bytes = after_bytes
        self._lock = threading.Lock()

    def _pump(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1024):
                passed += len(data)
                if is_answer and passed > self._after_bytes and self._cut():
                    break
                sink.sendall(data)
        self._close(source)
        self._close(sink)

    def _cut(self) -> bool:
        with self._lock:
            self.cuts += 1
            return self.cuts == 1
