"""Clients of the query service: one for each key that visitors use, over a connection that is kept."""

from __future__ import annotations

import asyncio

from agenttrace import AsyncQueryClient

_MOST_KEYS = 200
# Longer than the query service lets a statement run: what it has to say of one comes first.
_TIMEOUT_SECONDS = 10.0


class Readers:
    """The clients by key; that of the key unused longest is closed where there are too many."""

    def __init__(self, endpoint: str, *, root_certificates: str = "", most_keys: int = _MOST_KEYS) -> None:
        self.endpoint = endpoint
        self.root_certificates = root_certificates or None
        self._most_keys = most_keys
        self._clients: dict[str, AsyncQueryClient] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def of(self, key: str) -> AsyncQueryClient:
        """Return the client of a key; of the empty one, a client without a key."""
        # Put at the end anew: the first is then the one unused longest.
        client = self._clients.pop(key, None) or self.stranger(key)
        self._clients[key] = client
        if len(self._clients) > self._most_keys:
            self._close(self._clients.pop(next(iter(self._clients))))
        return client

    def stranger(self, key: str) -> AsyncQueryClient:
        """Return a client of its own for a key that may be none; the caller closes it."""
        return AsyncQueryClient(
            self.endpoint, key, timeout_seconds=_TIMEOUT_SECONDS, root_certificates=self.root_certificates
        )

    async def close(self) -> None:
        """Close every client."""
        while self._clients:
            self._close(self._clients.popitem()[1])
        await asyncio.gather(*self._closing)

    def _close(self, client: AsyncQueryClient) -> None:
        """Close a client. A live page that still reads through it comes back by itself."""
        task = asyncio.create_task(client.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
