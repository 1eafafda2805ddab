"""Answers that wait for a client which does not read yet: in memory up to a window, beyond that in a nameless file."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from typing import IO

from gateway.metrics import FEED_SPOOLED_BYTES

WINDOW_BYTES = 1024 * 1024
READ_BYTES = 256 * 1024


class Spool:
    """A queue of bytes in order, for one writer and one reader.

    The writer never waits for the reader, so a client that sends its whole body before it reads one answer cannot
    deadlock with the gateway. What bounds it is `limit` bytes: `has_room` tells the writer to stop taking input.
    """

    def __init__(self, limit: int, window: int = WINDOW_BYTES) -> None:
        self._limit = limit
        self._window = window
        self._memory: deque[bytes] = deque()
        self._in_memory = 0
        self._file: IO[bytes] | None = None
        self._read_at = 0
        self._written = 0
        self._finished = False
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()

    @property
    def on_disk(self) -> int:
        """Bytes in the file that were not taken yet."""
        return self._written - self._read_at

    @property
    def has_room(self) -> bool:
        """False when more input would pass the limit on disk."""
        return self.on_disk < self._limit

    def put(self, data: bytes) -> None:
        """Add bytes.

        Never waits. Order holds: once the file is in use, everything goes through it until it is empty.
        """
        if self.on_disk or self._in_memory + len(data) > self._window:
            self._put_on_disk(data)
        else:
            self._memory.append(data)
            self._in_memory += len(data)
        self._changed.set()

    def finish(self) -> None:
        """No more bytes will come."""
        self._finished = True
        self._changed.set()

    async def wait_for_room(self) -> None:
        """Return when there is room again."""
        while not self.has_room:
            self._drained.clear()
            await self._drained.wait()

    async def take(self) -> bytes:
        """The next bytes, at most about one window; empty when finished and everything was taken."""
        while not (self._memory or self.on_disk):
            if self._finished:
                return b""
            self._changed.clear()
            await self._changed.wait()
        if self._memory:
            data = b"".join(self._memory)
            self._memory.clear()
            self._in_memory = 0
            return data
        return self._take_from_disk()

    def close(self) -> None:
        """Give the file back, whatever is left in it."""
        FEED_SPOOLED_BYTES.dec(self.on_disk)
        self._read_at = self._written
        if self._file is not None:
            self._file.close()
            self._file = None

    def _put_on_disk(self, data: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="wangge-feed-")  # noqa: SIM115 - closed by close()
        self._file.seek(self._written)
        self._file.write(data)
        self._written += len(data)
        FEED_SPOOLED_BYTES.inc(len(data))

    def _take_from_disk(self) -> bytes:
        assert self._file is not None  # noqa: S101 - bytes are on disk
        self._file.seek(self._read_at)
        data = self._file.read(min(READ_BYTES, self.on_disk))
        self._read_at += len(data)
        FEED_SPOOLED_BYTES.dec(len(data))
        if not self.on_disk:
            self._file.truncate(0)
            self._read_at = self._written = 0
        self._drained.set()
        return data
