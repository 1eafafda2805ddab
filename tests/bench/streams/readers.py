"""Many readers of one event stream in one process: raw sockets, epoll, every event of every reader looked at.

`python -m tests.bench.streams.readers PORT TOKEN READERS FIRST COUNT SECONDS FILE`: opens READERS connections, creates
FILE.ready when each has joined the live end, reads until each has had the events FIRST … FIRST + COUNT - 1 or SECONDS
are over, and writes what it saw to FILE. Readers that stand alike get the same bytes, so bytes are parsed once.
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

EVENT = re.compile(rb'id: (\d+)\nevent: [^\n]*\ndata: [^\n]*"bench":\[(\d+),(\d+)\]')
JOINED = b'"behind":0'
REMEMBERED = 200


@dataclass(slots=True)
class Reader:
    """One connection and what it has had."""

    wire: socket.socket
    following: int
    offset: int = -1
    rest: bytes = b""
    joined: bool = False
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """Whole frames: numbers and offsets of the first and last event, when each was due, whether all follow."""

    first: int
    last: int
    first_offset: int
    last_offset: int
    due: tuple[int, ...]
    faults: int


def parsed(data: bytes) -> Parsed | None:
    """None without an event. A fault is an event that does not follow the one before, or a gap that is told."""
    found = EVENT.findall(data)
    faults = data.count(b"\nevent: gap") + data.count(b"\nevent: end")
    if not found:
        return Parsed(-1, -1, -1, -1, (), faults) if faults else None
    offsets = [int(each[0]) for each in found]
    numbers = [int(each[1]) for each in found]
    faults += sum(b != a + 1 for a, b in pairwise(numbers))
    faults += sum(b <= a for a, b in pairwise(offsets))
    return Parsed(numbers[0], numbers[-1], offsets[0], offsets[-1], tuple(int(each[2]) for each in found), faults)


@dataclass
class Crowd:
    """All readers."""

    readers: dict[int, Reader]
    last: int
    seen: list[tuple[int, Parsed]] = field(default_factory=list)
    known: dict[bytes, Parsed | None] = field(default_factory=dict)
    joined: int = 0
    finished: int = 0

    def read(self, reader: Reader) -> None:
        data = reader.wire.recv(1 << 20)
        now = time.monotonic_ns()
        if not data:
            raise ConnectionError("the server ended a stream")
        whole, end, rest = (reader.rest + data).rpartition(b"\n\n")
        reader.rest = rest if end else whole + rest
        if not reader.joined and JOINED in whole:
            reader.joined = True
            self.joined += 1
        if end and (found := self._parse(whole)) is not None:
            self._note(reader, found, now)

    def _parse(self, whole: bytes) -> Parsed | None:
        if whole not in self.known:
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            self.known[whole] = parsed(whole)
        return self.known[whole]

    def _note(self, reader: Reader, found: Parsed, now: int) -> None:
        reader.wrong += found.faults
        if not found.due:
            return
        reader.wrong += found.first != reader.following
        reader.wrong += found.first_offset <= reader.offset
        reader.following, reader.offset = found.last + 1, found.last_offset
        self.seen.append((now, found))
        self.finished += found.last == self.last

    def report(self, first: int) -> dict[str, object]:
        """Milliseconds from when each event was due to when its reader had it, and what went wrong."""
        waited = sorted((now - due) / 1e6 for now, found in self.seen for due in found.due)
        missing = sum(max(0, self.last + 1 - max(each.following, first)) for each in self.readers.values())
        at = {
            share: waited[min(len(waited) - 1, int(share * len(waited)))] if waited else None for share in (0.5, 0.99)
        }
        return {
            "delivered": len(waited), "missing": missing, "wrong": sum(each.wrong for each in self.readers.values()),
            "p50": at[0.5], "p99": at[0.99], "max": waited[-1] if waited else None, "chunks": len(self.seen),
            "cpu": time.process_time(),
        }  # fmt: skip


def opened(port: int, token: str) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
    wire.sendall(head.encode())
    wire.setblocking(False)
    return wire


def main(port: int, token: str, count: int, first: int, events: int, seconds: float, file: Path) -> None:
    wires = [opened(port, token) for _ in range(count)]
    crowd = Crowd({wire.fileno(): Reader(wire, first) for wire in wires}, first + events - 1)
    poll = select.epoll()
    for number in crowd.readers:
        poll.register(number, select.EPOLLIN)
    ready = file.with_suffix(".ready")
    until = time.monotonic() + 60
    while crowd.finished < count and time.monotonic() < until:
        for number, _ in poll.poll(0.1):
            crowd.read(crowd.readers[number])
        if crowd.joined == count and not ready.exists():
            ready.touch()
            until = time.monotonic() + seconds
    file.with_suffix(".new").write_text(json.dumps(crowd.report(first)), encoding="utf-8")
    file.with_suffix(".new").rename(file)


if __name__ == "__main__":
    _, port_, token_, count_, first_, events_, seconds_, file_ = sys.argv
    main(int(port_), token_, int(count_), int(first_), int(events_), float(seconds_), Path(file_))
