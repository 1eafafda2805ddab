"""Readers who may see one town: all of it, nothing else, and no word of how much happens elsewhere."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.gateway.running import GatewayProcess
from tests.integration.gateway.stream import PLACES, SMALL_RING, EventSource, Message, Reader, first, is_heartbeat
from tests.support.vhosts import VhostFactory

EVENTS = int(os.environ.get("STREAM_EVENTS", "6000"))
TOWN = PLACES[0]


@pytest.fixture(scope="module")
def source(new_vhost: VhostFactory) -> EventSource:
    made = EventSource(new_vhost())
    made.declare()
    return made


@pytest.fixture(scope="module")
def gateway(source: EventSource, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    log = tmp_path_factory.mktemp("towns") / "gateway.log"
    with GatewayProcess(source.url, log, "tests.integration.gateway.towns", **SMALL_RING) as process:
        yield process


@pytest.fixture
def town(gateway: GatewayProcess) -> Iterator[httpx.Client]:
    with gateway.client(30, f"town-{TOWN}") as client:
        yield client


def count(message: Message) -> int:
    return int((message.id or "").partition(".")[0])


@pytest.mark.timeout(120 + EVENTS // 100)
def test_a_reader_of_one_town_gets_all_its_events_and_no_other_over_reconnects_and_its_ids_prove_it(
    source: EventSource, town: httpx.Client
) -> None:
    dice = random.Random(7)  # noqa: S311
    start = source.written
    reader, counts = Reader(town, {"after": "-1"}), []
    own = [number for number in range(start + EVENTS) if number % len(PLACES) == 0]
    while source.written < start + EVENTS:
        source.write(min(1000, start + EVENTS - source.written))
        leave_at = len(reader.had) + dice.randrange(1, 300)
        for message in reader.messages():
            if message.kind.startswith("wangge."):
                counts.append(count(message))
            if len(reader.had) >= leave_at or (is_heartbeat(message) and message.data["behind"] == 0):
                break
    for message in reader.messages():
        if message.kind.startswith("wangge."):
            counts.append(count(message))
        if len(reader.had) >= len(own):
            break
    assert reader.had == own
    assert reader.gaps == []
    assert counts == list(range(1, len(own) + 1))


def test_nothing_the_reader_is_sent_tells_an_offset_or_how_much_happens_elsewhere(
    source: EventSource, town: httpx.Client
) -> None:
    reader = Reader(town)
    messages = reader.messages()
    quiet = [first(messages, is_heartbeat) for _ in range(2)]
    source.write(2)
    busy = [first(messages, is_heartbeat) for _ in range(2)]
    for beat in (*quiet, *busy):
        assert set(beat.data) == {"count", "behind"}
    assert len({beat.id for beat in (*quiet, *busy)}) == 4


def test_a_place_of_another_reader_an_offset_or_another_town_is_refused(
    gateway: GatewayProcess, town: httpx.Client
) -> None:
    mark = first(Reader(town).messages(), lambda message: message.id is not None).id
    with gateway.client(30, f"town-{PLACES[2]}") as other:
        assert other.get("/v1/stream", headers={"Last-Event-ID": str(mark)}).status_code == 422
    assert town.get("/v1/stream", params={"after": "17"}).status_code == 422
    outside = town.get("/v1/stream", params={"jurisdiction": PLACES[1]})
    assert (outside.status_code, outside.json()["code"]) == (403, "outside_jurisdiction")
