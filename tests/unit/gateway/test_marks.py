"""Where a reader is told that it is: contiguous for itself, saying nothing of what happens elsewhere."""

from __future__ import annotations

import json
import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Forbidden, InvalidInput
from gateway.streams.filters import parse_filter
from gateway.streams.frames import event_frame
from gateway.streams.marks import AFTER, Offsets, Place, Sealed, Sealer, read_place
from gateway.streams.reader import chunk_of
from gateway.streams.ring import Event
from gateway.streams.wire import Messages, ServerSent

SEALER = Sealer({"new": secrets.token_bytes(32)})
EAST, WEST = "999999001", "999999002"


def event(offset: int, jurisdiction: str) -> Event:
    return Event(offset, "wangge.a.b.c.v1", jurisdiction, event_frame(offset, "wangge.a.b.c.v1", b'{"n":%d}' % offset))


@given(st.lists(st.sampled_from([EAST, WEST, EAST + "001", ""]), max_size=40))
def test_a_limited_reader_gets_all_of_its_own_events_counted_without_a_jump_and_no_other(places: list[str]) -> None:
    events = [event(offset, place) for offset, place in enumerate(places)]
    wanted = parse_filter([], "", (EAST,))
    frames = b"".join(ServerSent(Sealed(SEALER, "li", 0)).chunk(chunk_of(events, -1, wanted))).decode()
    own = [offset for offset, place in enumerate(places) if place.startswith(EAST)]
    assert [json.loads(data)["n"] for data in re.findall(r"^data: (.*)$", frames, re.MULTILINE)] == own
    marks = re.findall(r"^id: (.*)$", frames, re.MULTILINE)
    assert [int(mark.partition(".")[0]) for mark in marks] == list(range(1, len(own) + 1))
    assert [read_place(mark, "after", SEALER, "li", limited=True).position for mark in marks] == own


@given(st.integers(-1, 2**62), st.integers(0, 2**62))
def test_a_mark_comes_back_to_its_place_and_no_two_marks_of_a_place_are_alike(position: int, count: int) -> None:
    first, again = Sealed(SEALER, "li", count).here(position), Sealed(SEALER, "li", count).here(position)
    assert first != again
    assert re.fullmatch(AFTER, str(first))
    assert read_place(str(first), "after", SEALER, "li", limited=True) == Place(position, count)


def test_a_mark_is_good_for_its_reader_only_and_its_count_cannot_be_changed() -> None:
    mark = str(Sealed(SEALER, "li", 5).here(17))
    for text, subject in ((mark, "wang"), ("6" + mark[1:], "li"), (mark[:-1] + "_", "li")):
        with pytest.raises(InvalidInput):
            read_place(text, "after", SEALER, subject, limited=True)


def test_an_offset_is_no_place_for_a_reader_who_is_not_told_any() -> None:
    assert read_place("17", "after", SEALER, "li", limited=False) == Place(17)
    assert read_place("-1", "after", SEALER, "li", limited=True) == Place(-1)
    with pytest.raises(InvalidInput):
        read_place("17", "after", SEALER, "li", limited=True)


def test_what_a_limited_reader_is_told_of_the_stream_has_no_number_of_events_but_its_own() -> None:
    marks = Sealed(SEALER, "li", 5)
    assert marks.beat(900, 17, attached=True) == {"count": 5, "behind": None}
    assert marks.beat(900, 900, attached=True) == {"count": 5, "behind": 0}
    assert marks.gap(18, 900, "retention") == {"from": None, "to": None, "reason": "retention"}


def test_what_lies_outside_is_forbidden_and_what_is_wider_is_cut_to_the_readers_own() -> None:
    with pytest.raises(Forbidden):
        parse_filter([], WEST, (EAST,))
    wider = parse_filter([], "999999", (EAST,))
    assert [wider.wants(event(0, place)) for place in (EAST, WEST, EAST + "001")] == [True, False, True]
    narrower = parse_filter([], EAST + "001", (EAST,))
    assert [narrower.wants(event(0, place)) for place in (EAST, EAST + "001")] == [False, True]
    assert not parse_filter([], "", ()).wants(event(0, EAST))


def test_a_message_on_a_websocket_has_the_members_of_a_server_sent_event() -> None:
    chunk = chunk_of([event(7, EAST)], 6, parse_filter([], ""))
    (message,) = Messages(Offsets()).chunk(chunk)
    assert json.loads(message) == {"event": "wangge.a.b.c.v1", "id": "7", "data": {"n": 7}}
    (control,) = Messages(Offsets()).control("heartbeat", {"behind": 0}, None)
    assert json.loads(control) == {"event": "heartbeat", "data": {"behind": 0}}
