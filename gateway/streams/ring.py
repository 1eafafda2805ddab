"""The newest events of the stream, in memory, shared by every reader."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from gateway.streams.rounds import Rounds

_DATA = b"\ndata: "


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the stream with what a filter looks at, and the server-sent frame it becomes."""

    offset: int
    type: str
    jurisdiction: str
    frame: bytes

    @property
    def data(self) -> bytes:
        """The event itself, one line of JSON."""
        return self.frame[self.frame.index(_DATA) + len(_DATA) : -2]


@dataclass(frozen=True, slots=True)
class Gap:
    """Events `first` to `last` cannot be had any more (`last` is None when nobody can know)."""

    first: int
    last: int | None
    reason: str


@dataclass(slots=True)
class Chunk:
    """What one reader is sent at once: `sent` events up to `position`, and gaps before what does not follow."""

    parts: tuple[Event | Gap, ...]
    position: int
    sent: int
    shared: bytes | None = None
    """Written once for all readers who are told offsets and stand alike."""


class Ring:
    """A bounded run of events in offset order.

    Readers hold positions, not references: a reader that falls behind costs the ring nothing, it just finds its
    position gone and reads from the broker instead.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._events: list[Event] = []
        self._offsets: list[int] = []
        self._rounds = Rounds()
        self.chunks: dict[tuple[int, Hashable], Chunk] = {}
        """Made since the last event came, by position and filter: readers that stand alike are sent the same bytes."""
        self.newest: int | None = None
        self.generation = 0
        """Counts how often the stream was made anew."""
        self.attached = False
        """The stream is being read now."""
        self.settled = False
        """`newest` can be believed: the stream's end was reached once (an empty stream has none)."""

    @property
    def oldest(self) -> int | None:
        """Offset of the oldest event held, None when there is none."""
        return self._offsets[0] if self._offsets else None

    def append(self, event: Event) -> None:
        """Add the next event. One that is already held (a re-read after a reconnect) is dropped."""
        if self.newest is not None and event.offset <= self.newest:
            return
        self.chunks.clear()
        self._events.append(event)
        self._offsets.append(event.offset)
        self.newest = event.offset
        # Trimmed by halves, so that an append costs constant time on average.
        if len(self._events) >= 2 * self._capacity:
            del self._events[: -self._capacity]
            del self._offsets[: -self._capacity]
        self.wake()

    def reset(self) -> None:
        """Forget everything: the stream was made anew and its offsets mean other events now."""
        self.chunks.clear()
        self._events.clear()
        self._offsets.clear()
        self.newest = None
        self.generation += 1
        self.wake()

    def holds(self, offset: int) -> bool:
        """True when a reader that wants `offset` next misses nothing by reading here."""
        if self.newest is None or self.oldest is None:
            return False
        return self.oldest <= offset <= self.newest + 1

    def after(self, offset: int, limit: int) -> Sequence[Event]:
        """Up to `limit` events with offsets above `offset`, oldest first."""
        start = bisect_right(self._offsets, offset)
        return self._events[start : start + limit]

    def wake(self) -> None:
        """Let every waiting reader look again."""
        self._rounds.call()

    async def wait(self, seconds: float) -> None:
        """Return at the next round after a change, or after `seconds`."""
        await self._rounds.wait(seconds)
