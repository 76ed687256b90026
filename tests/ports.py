"""Ports that are free now and stay so until a test's process listens on them."""

from __future__ import annotations

import random
import socket

# Below those that systems give to outgoing connections, of which a busy machine makes thousands; and they come back
# late. Not the tests' own dice: processes that share a seed would share the ports.
_dice = random.SystemRandom()
_FIRST, _LAST = 12_000, 32_000


def free_port() -> int:
    """Return a port that nobody listens on."""
    while True:
        port = _dice.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        return port


def free_address() -> str:
    """Return an address of this machine that nobody listens on."""
    return f"127.0.0.1:{free_port()}"
