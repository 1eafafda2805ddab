"""How messages look on each kind of connection: server-sent events, and JSON messages on a WebSocket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import orjson

from gateway.streams import frames
from gateway.streams.marks import Marks, Offsets
from gateway.streams.ring import Chunk, Event, Gap


class Wire(Protocol):
    """What one reader is sent. The marks are its own: writing a chunk counts its events."""

    marks: Marks

    def hello(self) -> Sequence[bytes]:
        """What comes before everything else."""

    def chunk(self, chunk: Chunk) -> Sequence[bytes]:
        """Events, and gaps before those that do not follow."""

    def control(self, kind: str, data: dict[str, Any], mark: str | None) -> Sequence[bytes]:
        """A message about the stream itself. `mark`, when given, is where a reader resumes from."""


class ServerSent:
    """Frames of server-sent events; those of a chunk in one piece."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks

    def hello(self) -> Sequence[bytes]:
        return (frames.RETRY,)

    def chunk(self, chunk: Chunk) -> Sequence[bytes]:
        if isinstance(self.marks, Offsets):
            # The same bytes for everybody who stands here with the same filter.
            if chunk.shared is None:
                chunk.shared = self._written(chunk)
            return (chunk.shared,)
        return (self._written(chunk),)

    def control(self, kind: str, data: dict[str, Any], mark: str | None) -> Sequence[bytes]:
        return (frames.control_frame(kind, data, mark),)

    def _written(self, chunk: Chunk) -> bytes:
        return b"".join(map(self._part, chunk.parts))

    def _part(self, part: Event | Gap) -> bytes:
        if isinstance(part, Gap):
            return frames.control_frame("gap", self.marks.gap(part.first, part.last, part.reason), None)
        mark = self.marks.event(part.offset)
        return part.frame if isinstance(self.marks, Offsets) else frames.marked(part, mark)


class Messages:
    """One JSON text a message, with the members of a server-sent event: `event`, `id`, `data`."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks

    def hello(self) -> Sequence[bytes]:
        return ()

    def chunk(self, chunk: Chunk) -> Sequence[bytes]:
        return [self._part(part) for part in chunk.parts]

    def control(self, kind: str, data: dict[str, Any], mark: str | None) -> Sequence[bytes]:
        return (_message(kind, orjson.dumps(data), mark),)

    def _part(self, part: Event | Gap) -> bytes:
        if isinstance(part, Gap):
            return self.control("gap", self.marks.gap(part.first, part.last, part.reason), None)[0]
        return _message(part.type, part.data, self.marks.event(part.offset))


def _message(kind: str, data: bytes, mark: str | None) -> bytes:
    # The event is JSON already: put in as it is, it is neither parsed nor written again for each reader.
    identity = b"" if mark is None else b'"id":"%b",' % mark.encode()
    return b'{"event":%b,%b"data":%b}' % (orjson.dumps(kind), identity, data)
