"""`GET /v1/stream`: what a reader gets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.integration.gateway.running import GatewayProcess
from tests.integration.gateway.stream import KINDS, PLACES, EventSource, Reader, first, is_heartbeat


def test_a_reader_without_a_position_begins_now(source: EventSource, http: httpx.Client) -> None:
    start = source.written
    source.write(50)
    Reader(http, {"after": start - 1}).read_until(50)
    reader = Reader(http)
    messages = reader.messages()
    first(messages, lambda message: is_heartbeat(message) and message.data["reader_offset"] == start + 49)
    source.write(5)
    first(messages, lambda _: len(reader.had) == 5)
    assert reader.had == list(range(start + 50, start + 55))


def test_the_first_event_ever_is_not_missed(own: EventSource, new_gateway: Callable[..., GatewayProcess]) -> None:
    with new_gateway(own.url).client() as client:
        reader = Reader(client)
        messages = reader.messages()
        first(messages, lambda message: is_heartbeat(message) and message.data["behind"] == 0)
        own.write(1)
        first(messages, lambda _: reader.had == [0])
    assert reader.gaps == []


def test_each_event_carries_its_offset_its_type_and_itself(source: EventSource, http: httpx.Client) -> None:
    start = source.written
    source.write(3)
    messages = Reader(http, {"after": start}).messages()
    message = first(messages, lambda found: found.kind.startswith("wangge."))
    assert (message.id, message.kind) == (str(start + 1), KINDS[(start + 1) % 3])
    assert message.data["specversion"] == "1.0"
    assert message.data["jurisdiction"] == PLACES[(start + 1) % 3]


def test_a_heartbeat_comes_each_second_and_says_how_far_behind_the_reader_is(
    source: EventSource, http: httpx.Client
) -> None:
    source.write(10)
    newest = source.written - 1
    messages = Reader(http, {"after": newest - 10}).messages()
    first(messages, lambda message: is_heartbeat(message) and message.data["reader_offset"] == newest)
    started = time.monotonic()
    beats = [first(messages, is_heartbeat) for _ in range(3)]
    assert 2.5 < time.monotonic() - started < 5
    assert [beat.data for beat in beats] == [{"newest_offset": newest, "reader_offset": newest, "behind": 0}] * 3
    assert {beat.id for beat in beats} == {str(newest)}


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        ({"type": "wangge.dispatch.team.*"}, lambda number: number % 3 == 1),
        ({"type": ["*.moved.v1", "wangge.registry.*"]}, lambda number: number % 3 != 0),
        ({"jurisdiction": "330784"}, lambda number: number % 3 != 2),
        ({"type": "wangge.dispatch.*", "jurisdiction": "330784002"}, lambda number: number % 3 == 1),
    ],
)
def test_a_filter_passes_what_was_asked_for_and_nothing_else(
    source: EventSource, http: httpx.Client, parameters: dict[str, Any], wanted: Callable[[int], bool]
) -> None:
    start = source.written
    source.write(900)
    reader = Reader(http, {"after": start - 1, **parameters})
    first(reader.messages(), lambda message: message.id == str(start + 899))
    assert reader.had == [number for number in range(start, start + 900) if wanted(number)]
    assert reader.gaps == []


def test_a_reader_whose_filter_matches_nothing_resumes_from_what_was_examined(
    source: EventSource, http: httpx.Client
) -> None:
    start = source.written
    source.write(900)
    reader = Reader(http, {"after": start - 1, "type": "nothing.*"})
    first(reader.messages(), lambda message: is_heartbeat(message) and message.data["reader_offset"] == start + 899)
    assert (reader.had, reader.last_id) == ([], str(start + 899))


def test_an_event_that_cannot_be_read_is_told_and_not_dropped(source: EventSource, http: httpx.Client) -> None:
    start = source.written
    source.write_raw(b"\xff not an event")
    source.write(1)
    reader = Reader(http, {"after": start - 1})
    messages = reader.messages()
    assert first(messages, lambda message: message.kind == "undecodable").id == str(start)
    assert first(messages, lambda message: message.kind.startswith("wangge.")).id == str(start + 1)
    assert reader.gaps == []


def test_an_event_laid_out_over_lines_stays_one_message(source: EventSource, http: httpx.Client) -> None:
    start = source.written
    source.write_raw(b'{\r\n"type": "wangge.x.y.z.v1",\n"data": {"number": 7}}')
    reader = Reader(http, {"after": start - 1})
    first(reader.messages(), lambda _: reader.had == [7])


def test_readers_of_one_gateway_do_not_share_their_filters(source: EventSource, http: httpx.Client) -> None:
    start = source.written
    readers = [Reader(http, {"after": start - 1, "type": kind}) for kind in KINDS]
    source.write(300)
    for reader in readers:
        reader.read_until(100)
    assert sorted(number for reader in readers for number in reader.had) == list(range(start, start + 300))
