"""A small HTTP client for load: kept connections, one request at a time on each, nothing parsed that is not needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson


@dataclass(frozen=True)
class Target:
    """Where to POST, with which headers, and what makes the body of request number n."""

    url: str
    token: str
    body: Callable[[int], bytes]


@dataclass
class Taken:
    """Seconds of each request that got a 2xx, the answers' ids with the time they came, and how many got none."""

    seconds: list[float] = field(default_factory=list)
    accepted: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    rate: float = 0.0

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


class Wire:
    """One kept connection."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._at = urlsplit(target.url)

    async def open(self) -> Wire:
        self._reader, self._writer = await asyncio.open_connection(self._at.hostname, self._at.port)
        return self

    def close(self) -> None:
        self._writer.close()

    async def post(self, number: int) -> tuple[int, bytes]:
        body = self._target.body(number)
        head = (
            f"POST {self._at.path} HTTP/1.1\r\nHost: {self._at.netloc}\r\n"
            f"Authorization: Bearer {self._target.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        return int(answer[9:12]), await self._reader.readexactly(length)


async def in_flight(target: Target, number: int, seconds: float, first: int) -> Taken:
    """`number` requests in flight all the time, for `seconds`."""
    taken = Taken()
    until = time.perf_counter() + seconds
    numbers = iter(range(first, first + 10_000_000))

    async def caller() -> None:
        wire = await Wire(target).open()
        while (begin := time.perf_counter()) < until:
            await note(taken, wire, next(numbers), begin)
        wire.close()

    begin = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(number)))
    taken.rate = len(taken.seconds) / (time.perf_counter() - begin)
    return taken


async def open_loop(target: Target, per_second: float, seconds: float, first: int) -> Taken:
    """Requests at their appointed times whatever became of the earlier ones; each is measured from its appointment."""
    taken = Taken()
    free: list[Wire] = []
    begin = time.perf_counter() + 0.1

    async def one(number: int, due: float) -> None:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        wire = free.pop() if free else await Wire(target).open()
        try:
            await note(taken, wire, number, due)
        except asyncio.IncompleteReadError:
            # A kept connection that had been idle was closed while the request was on its way.
            wire = await Wire(target).open()
            await note(taken, wire, number, due)
        free.append(wire)

    total = int(per_second * seconds)
    await asyncio.gather(*(one(first + n, begin + n / per_second) for n in range(total)))
    taken.rate = len(taken.seconds) / (time.perf_counter() - begin)
    for wire in free:
        wire.close()
    return taken


async def note(taken: Taken, wire: Wire, number: int, since: float) -> None:
    status, body = await wire.post(number)
    now = time.perf_counter()
    if not 200 <= status < 300:
        taken.refused += 1
        return
    taken.seconds.append(now - since)
    if named := orjson.loads(body).get("incident_id"):
        taken.accepted[named] = now


async def arrivals(target: Target, path: str, seen: dict[str, float]) -> None:
    """Read the event stream for ever: when the first event of each incident came."""
    at = urlsplit(target.url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port, limit=2**22)
    head = f"GET {path} HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: Bearer {target.token}\r\n\r\n"
    writer.write(head.encode())
    try:
        while line := await reader.readline():
            if b'"incident_id":"' in line:
                seen.setdefault(line.partition(b'"incident_id":"')[2][:36].decode(), time.perf_counter())
    finally:
        writer.close()
