"""The client package on a real gateway: goes on by itself, gives each event once, says what is lost."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.integration.gateway.running import TOKEN, GatewayProcess
from tests.integration.gateway.stream import KINDS, PLACES, EventSource
from wangge_client import Event, Gap, Stream, StreamRefused


def following(gateway: GatewayProcess, **options: object) -> Stream:
    return Stream(gateway.url, TOKEN, **options)  # type: ignore[arg-type]


def numbers(stream: Iterator[Event | Gap], count: int) -> list[int]:
    return [each.data["number"] for each in itertools.islice(stream, count) if isinstance(each, Event)]


def test_an_event_has_its_parts_with_their_types(running: GatewayProcess, source: EventSource) -> None:
    start = source.written
    source.write(3)
    with following(running, after=str(start - 1), types=[KINDS[1]], jurisdiction=PLACES[1]) as stream:
        event = next(iter(stream))
    assert isinstance(event, Event)
    assert (event.type, event.jurisdiction, event.sequence) == (KINDS[1], PLACES[1], 1)
    assert event.time is not None
    assert event.time.utcoffset() is not None
    assert event.envelope["specversion"] == "1.0"


def test_it_resumes_by_itself_when_the_gateway_is_killed_and_gives_each_event_once(
    own: EventSource, new_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = new_gateway(own.url)
    own.write(500)
    with following(gateway, after="-1") as stream:
        events = iter(stream)
        had = numbers(events, 300)
        gateway.kill()
        own.write(500)
        back = threading.Thread(target=gateway.start)
        back.start()
        had += numbers(events, 700)
        back.join()
        assert stream.connections == 2
    assert had == list(range(1000))


def test_another_process_goes_on_where_the_last_one_kept_its_position(
    running: GatewayProcess, source: EventSource
) -> None:
    start = source.written
    source.write(20)
    with following(running, after=str(start - 1)) as first:
        assert numbers(iter(first), 8) == list(range(start, start + 8))
    with following(running, after=first.position) as second:
        assert numbers(iter(second), 12) == list(range(start + 8, start + 20))


def test_a_stream_made_anew_is_a_gap_and_its_events_are_given(
    own: EventSource, new_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = new_gateway(own.url)
    own.write(50)
    with following(gateway, after="-1") as stream:
        events = iter(stream)
        assert numbers(events, 50) == list(range(50))
        own.delete()
        own.declare()
        own.write(10)
        gap = next(events)
        assert isinstance(gap, Gap)
        assert gap.reason == "stream_restarted"
        assert numbers(events, 10) == list(range(10))


def test_a_reader_that_may_not_read_is_told_and_does_not_try_for_ever(running: GatewayProcess) -> None:
    with Stream(running.url, "wrong") as stream, pytest.raises(StreamRefused) as refused:
        next(iter(stream))
    assert (refused.value.status, refused.value.problem["code"]) == (401, "invalid_token")


def test_closing_from_another_thread_ends_the_iteration(running: GatewayProcess) -> None:
    with following(running) as stream:
        threading.Timer(0.5, stream.close).start()
        assert list(stream) == []
