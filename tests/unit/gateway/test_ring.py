"""The ring of recent events and what a reader makes of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.streams.filters import parse_filter
from gateway.streams.frames import control_frame, event_frame, read_event
from gateway.streams.marks import Offsets
from gateway.streams.reader import chunk_of
from gateway.streams.ring import Event, Ring
from gateway.streams.wire import ServerSent


def event(offset: int, kind: str = "wangge.a.b.c.v1", jurisdiction: str = "33") -> Event:
    return Event(offset, kind, jurisdiction, event_frame(offset, kind, b"{}"))


def filled(offsets: Sequence[int], capacity: int = 10) -> Ring:
    ring = Ring(capacity)
    for offset in offsets:
        ring.append(event(offset))
    return ring


@given(st.integers(1, 20), st.integers(0, 200), st.integers(-1, 220))
def test_the_ring_holds_the_newest_and_gives_what_follows_a_position(capacity: int, count: int, position: int) -> None:
    ring = filled(range(count), capacity)
    if count == 0:
        assert not ring.holds(position + 1)
        return
    assert ring.newest == count - 1
    assert ring.oldest is not None
    assert count - ring.oldest >= min(capacity, count)
    assert count - ring.oldest < 2 * capacity + 1
    if ring.holds(position + 1):
        assert [found.offset for found in ring.after(position, 1000)] == list(range(position + 1, count))


def test_an_event_read_again_after_a_reconnect_is_not_held_twice() -> None:
    ring = filled([5, 6, 6, 5, 7])
    assert [found.offset for found in ring.after(-1, 10)] == [5, 6, 7]


def test_the_ring_holds_what_comes_next_and_not_what_is_beyond() -> None:
    ring = filled([5, 6, 7])
    assert [offset for offset in range(12) if ring.holds(offset)] == [5, 6, 7, 8]


def test_a_ring_made_anew_counts_generations_and_forgets() -> None:
    ring = filled([5])
    ring.reset()
    assert (ring.newest, ring.oldest, ring.generation) == (None, None, 1)
    ring.append(event(0))
    assert ring.newest == 0


def delivered(offsets: Sequence[int], position: int) -> bytes:
    """What a reader at `position` is sent of these events."""
    chunk = chunk_of([event(offset) for offset in offsets], position, parse_filter([], ""))
    return b"".join(ServerSent(Offsets()).chunk(chunk))


def gap(first: int, last: int, reason: str) -> bytes:
    return control_frame("gap", {"from": first, "to": last, "reason": reason}, None)


def frames(*parts: int | bytes) -> bytes:
    return b"".join(part if isinstance(part, bytes) else event(part).frame for part in parts)


@pytest.mark.parametrize(
    ("offsets", "position", "expected"),
    [
        ([4, 5, 6], 4, frames(5, 6)),
        ([7], 5, frames(7)),  # one missing offset is the broker's own entry at the head of a segment
        ([8], 5, frames(gap(6, 7, "retention"), 8)),
        ([40, 41], -1, frames(gap(0, 39, "retention"), 40, 41)),
        ([3, 3, 2], 1, frames(2 + 1)),
    ],
)
def test_a_reader_gets_what_follows_once_and_is_told_what_is_lost(
    offsets: list[int], position: int, expected: bytes
) -> None:
    assert delivered(offsets, position) == expected


def test_a_heartbeat_says_nothing_it_does_not_know() -> None:
    marks = Offsets()
    assert marks.beat(9, 7, attached=True) == {"newest_offset": 9, "reader_offset": 7, "behind": 2}
    assert marks.beat(9, 7, attached=False)["behind"] is None
    assert marks.beat(9, None, attached=True)["behind"] is None
    assert (marks.here(7), marks.here(-1), marks.here(None)) == ("7", None, None)


@given(st.binary(max_size=60), st.text(max_size=10))
def test_any_message_becomes_exactly_one_frame(body: bytes, key: str) -> None:
    found = read_event(3, key, body)
    assert found.frame.startswith(b"id: 3\nevent: ")
    assert found.frame.endswith(b"\n\n")
    assert found.frame.count(b"\n") == 4
    assert b"\r" not in found.frame


def test_a_glob_means_its_letters_except_the_wildcards() -> None:
    wanted = parse_filter(["wangge.dispatch.*.v?"], "3307")
    assert wanted.wants(event(1, "wangge.dispatch.incident.pushed.v1", "330784"))
    assert not wanted.wants(event(1, "wangge-dispatch.incident.pushed.v1", "330784"))
    assert not wanted.wants(event(1, "wangge.dispatch.incident.pushed.v1", "3308"))
    assert not wanted.wants(event(1, "wangge.dispatch.incident.pushed.v1", ""))
