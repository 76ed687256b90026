"""A TCP connection that a test can cut, or let fall silent."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time


class Wire:
    """Forwards from a port of its own to another; a context manager.

    `after_bytes`: cut every connection once so many bytes of answers went through it.
    """

    def __init__(self, target: str, after_bytes: int | None = None) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._after_bytes = after_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.silent = threading.Event()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection, as a machine does that fell."""
        opened, self._open = self._open, []
        for end in opened:
            reset(end)

    def fall_silent(self) -> None:
        """Let nothing through from now on on what is open, without a word to either side."""
        self.silent.set()

    def speak(self) -> None:
        """Let new connections through."""
        self.silent = threading.Event()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                try:
                    server = socket.create_connection(self._target)
                except OSError:
                    reset(client)
                    continue
                self._open += [client, server]
                silent = self.silent
                for source, sink, limit in ((client, server, None), (server, client, self._after_bytes)):
                    arguments = (source, sink, limit, silent)
                    threading.Thread(target=self._pump, args=arguments, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, limit: int | None, silent: threading.Event) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                while silent.is_set():
                    time.sleep(0.05)
                sink.sendall(data)
                passed += len(data)
                if limit is not None and passed >= limit:
                    time.sleep(0.2)  # a reset throws away what the other side has not read yet
                    break
        reset(source)
        reset(sink)


def reset(end: socket.socket) -> None:
    """Close a connection with RST."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)
    end.close()
