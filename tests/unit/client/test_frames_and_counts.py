"""What the client makes of lines, and of a count that jumps."""

from __future__ import annotations

from wangge_client.frames import Frame, frames
from wangge_client.messages import Event, Gap
from wangge_client.pauses import Pauses
from wangge_client.stream import Stream


def event(mark: str, identity: str) -> Frame:
    return Frame("wangge.a.b.c.v1", f'{{"id": "{identity}", "type": "wangge.a.b.c.v1", "data": {{}}}}', mark)


def read(stream: Stream, *given: Frame) -> list[Event | Gap]:
    return [message for frame in given for message in stream._read(frame)]


def test_lines_become_messages_and_what_is_cut_off_becomes_none() -> None:
    lines = ["retry: 1000", "", "id: 1", "event: a", "data: x", "data: y", "", ": a comment", "event: b", "data: z"]
    assert list(frames(lines)) == [Frame("a", "x\ny", "1")]


def test_a_count_that_jumps_is_a_gap_that_nobody_announced() -> None:
    with Stream("http://127.0.0.1:1", "t") as stream:
        first, gap, third = read(stream, event("1.AAAA", "a"), event("3.BBBB", "b"))
    assert isinstance(first, Event)
    assert gap == Gap(None, None, "uncounted")
    assert isinstance(third, Event)


def test_an_event_that_comes_twice_is_given_once() -> None:
    with Stream("http://127.0.0.1:1", "t") as stream:
        assert len(read(stream, event("7", "a"), event("8", "a"), event("9", "b"))) == 2
        assert stream.position == "9"


def test_a_heartbeat_moves_the_place_to_resume_from() -> None:
    with Stream("http://127.0.0.1:1", "t") as stream:
        assert read(stream, Frame("heartbeat", '{"behind": 4}', "17")) == []
        assert (stream.position, stream.behind) == ("17", 4)


def test_pauses_grow_are_spread_and_begin_anew_after_success() -> None:
    pauses = Pauses(first=0.1, longest=0.4)
    for most in (0.1, 0.2, 0.4, 0.4):
        assert 0 <= pauses.next() <= most
    pauses.over()
    assert 2 <= pauses.next(least=2) <= 2.1
