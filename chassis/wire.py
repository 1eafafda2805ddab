"""pika's event loop and connection, adapted to being stepped and to sending many frames in one write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pika.adapters.select_connection import IOLoop, SelectConnection

_FLUSH_BYTES = 65_536


class SteppedLoop(IOLoop):  # type: ignore[misc, unused-ignore]  # pika has no types
    """pika's loop with an upper limit for one poll, set by ``Link.step``."""

    limit: float = 0.0

    def _get_remaining_interval(self) -> float:
        due = super()._get_remaining_interval()
        return self.limit if due is None else min(due, self.limit)


class CorkableConnection(SelectConnection):  # type: ignore[misc, unused-ignore]  # pika has no types
    """Joins frames before they reach the socket: pika sends each of a message's three frames alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.cork: bytearray | None = None
        super().__init__(*args, **kwargs)

    def _output_marshaled_frames(self, marshaled_frames: Sequence[bytes]) -> None:
        if self.cork is None:
            super()._output_marshaled_frames([b"".join(marshaled_frames)])
            return
        for marshaled in marshaled_frames:
            self.cork += marshaled
        if len(self.cork) >= _FLUSH_BYTES:
            self.flush_cork()

    def send(self, encoded: bytes) -> None:
        """Frames made elsewhere, as they are."""
        self._output_marshaled_frames([encoded])

    def flush_cork(self) -> None:
        """Send what has gathered and go on gathering."""
        if self.cork:
            super()._output_marshaled_frames([bytes(self.cork)])
            self.cork = bytearray()


def joined(parts: Sequence[bytes]) -> Iterator[bytes]:
    """The parts in their order, put together so that a write is about as large as the kernel takes at once."""
    start = size = 0
    for at, part in enumerate(parts):
        size += len(part)
        if size >= _FLUSH_BYTES:
            yield b"".join(parts[start : at + 1])
            start, size = at + 1, 0
    if start < len(parts):
        yield b"".join(parts[start:])
