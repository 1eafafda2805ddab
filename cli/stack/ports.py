"""Free loopback ports, chosen so that the same checkout and instance get the same ones again."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterable

from cli.stack.packages import StackError

# Below the kernel's ephemeral range (32768…), so that no outgoing connection takes one between choice and bind.
FIRST, LAST = 20_000, 32_000


def is_free(port: int) -> bool:
    """Whether a server could use 127.0.0.1:port now, for TCP and for UDP."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def answers(port: int) -> bool:
    """Whether something accepts connections on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def choose(names: Iterable[str], *, seed: str, taken: Iterable[int] = ()) -> dict[str, int]:
    """A free port for each name, searched from a place given by `seed`; `taken` ones are passed over."""
    used = set(taken)
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) % (LAST - FIRST)
    chosen: dict[str, int] = {}
    candidates = (FIRST + (start + step) % (LAST - FIRST) for step in range(LAST - FIRST))
    for name in names:
        port = next((p for p in candidates if p not in used and is_free(p)), None)
        if port is None:
            raise StackError(f"no free port between {FIRST} and {LAST} on 127.0.0.1")
        chosen[name] = port
    return chosen
