"""NDJSON in: bytes into numbered lines, lines into commands, with a limit on each line and none on their number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chassis.errors import PayloadTooLarge, ServiceError
from gateway.routes.body import parse_object

LINE_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a feed: a command to run, or the reason why it cannot be read."""

    number: int
    command: dict[str, Any] | None
    error: ServiceError | None = None


class LineSplitter:
    """Cuts a byte stream into lines.

    Never holds more than one line and one chunk; blank lines are counted and skipped.
    """

    def __init__(self, limit: int = LINE_LIMIT_BYTES) -> None:
        self._limit = limit
        self._rest = b""
        self._oversized = False
        self._number = 0

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that `chunk` completes."""
        pieces = (self._rest + chunk).split(b"\n")
        self._rest = pieces.pop()
        for piece in pieces:
            line = self._finish(piece)
            if line is not None:
                yield line
        # Only what is within the limit is kept of an unfinished line; the flag remembers the rest.
        if len(self._rest) > self._limit:
            self._oversized = True
            self._rest = b""

    def end(self) -> Iterator[Line]:
        """The last line, when the body does not end with a line end."""
        if self._rest or self._oversized:
            line = self._finish(self._rest)
            self._rest = b""
            if line is not None:
                yield line

    def _finish(self, piece: bytes) -> Line | None:
        self._number += 1
        if self._oversized or len(piece) > self._limit:
            self._oversized = False
            error = PayloadTooLarge(f"a line may have {self._limit} bytes", limit_bytes=self._limit)
            return Line(self._number, None, error)
        if not piece.strip():
            return None
        try:
            return Line(self._number, parse_object(piece))
        except ServiceError as error:
            return Line(self._number, None, error)
