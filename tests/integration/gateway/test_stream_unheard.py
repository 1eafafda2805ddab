"""A broker that has events and does not deliver them, or does not answer: noticed by itself, and mended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pika.channel import Channel
from prometheus_client import REGISTRY

from gateway.streams import broker_stream
from gateway.streams.broker_stream import BrokerStream
from gateway.streams.ring import Ring
from tests.integration.gateway.stream import EventSource

SILENCE = 0.3
PREFETCH = 20


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_stream, "REATTACH_SECONDS", 0.05)
    monkeypatch.setattr(broker_stream, "SETTLE_SECONDS", 0.2)
    monkeypatch.setattr(broker_stream, "LIVE_PREFETCH", PREFETCH)


def test_a_consumer_that_falls_silent_is_replaced(own: EventSource, monkeypatch: pytest.MonkeyPatch) -> None:
    own.write(10)
    deaf: list[Channel] = []
    acknowledge = Channel.basic_ack

    def lost_on_the_first_channel(channel: Channel, *arguments: Any, **named: Any) -> None:
        if not deaf:
            deaf.append(channel)
        if channel is not deaf[0]:
            acknowledge(channel, *arguments, **named)

    monkeypatch.setattr(Channel, "basic_ack", lost_on_the_first_channel)

    async def scenario(ring: Ring) -> None:
        await _until(lambda: ring.newest == 9)
        before = _unheard()
        for _ in range(4):  # in chunks, of which the broker delivers no more once as many are out as are let
            own.write(PREFETCH)
        await _until(lambda: ring.newest == own.written - 1)
        assert _unheard() == before + 1
        assert [event.offset for event in ring.after(-1, 1000)] == list(range(ring.oldest or 0, own.written))
        own.write(5)
        await _until(lambda: ring.newest == own.written - 1)
        assert _unheard() == before + 1

    _live(own, scenario)


def test_a_quiet_stream_is_left_alone(own: EventSource) -> None:
    own.write(10)

    async def scenario(ring: Ring) -> None:
        await _until(lambda: ring.newest == 9)
        before = _unheard()
        rounds: list[bool] = []
        while len(rounds) < 30:
            rounds.append(ring.attached)
            await asyncio.sleep(0.1)
        assert all(rounds)
        assert _unheard() == before
        assert ring.generation == 0

    _live(own, scenario)


def test_what_comes_while_the_stream_is_looked_at_is_heard_at_once(
    own: EventSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.write(10)
    monkeypatch.setattr(broker_stream, "SETTLE_SECONDS", 30.0)
    looking: list[str] = []

    async def for_ever(stream: BrokerStream, _connection: object) -> None:
        looking.append("")
        await asyncio.Event().wait()

    async def scenario(ring: Ring) -> None:
        await _until(lambda: ring.newest == 9)
        for _ in range(3):
            had = len(looking)
            await _until(lambda had=had: len(looking) > had)
            own.write(1)
            async with asyncio.timeout(3):
                await _until(lambda: ring.newest == own.written - 1)

    monkeypatch.setattr(BrokerStream, "_last_offset", for_ever)
    _live(own, scenario)


def test_a_broker_that_does_not_answer_is_asked_again(own: EventSource, monkeypatch: pytest.MonkeyPatch) -> None:
    own.write(10)
    monkeypatch.setattr(broker_stream, "ANSWER_SECONDS", 0.5)
    ask = broker_stream.ask
    unanswered: list[Channel] = []

    async def once_in_vain(channel: Channel, method: Callable[..., Any], **arguments: Any) -> Any:
        if not unanswered:
            unanswered.append(channel)
            await asyncio.Event().wait()
        return await ask(channel, method, **arguments)

    monkeypatch.setattr(broker_stream, "ask", once_in_vain)

    async def scenario(ring: Ring) -> None:
        await _until(lambda: ring.newest == 9)
        assert ring.attached

    _live(own, scenario)
    assert unanswered


def _live(source: EventSource, scenario: Callable[[Ring], Any]) -> None:
    async def live() -> None:
        ring = Ring(1000)
        stream = BrokerStream(source.url, ring, silence_seconds=SILENCE)
        stream.start()
        try:
            await scenario(ring)
        finally:
            await stream.stop()

    asyncio.run(live())


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - a ring wakes its readers, not a test
            await asyncio.sleep(0.02)


def _unheard() -> float:
    return REGISTRY.get_sample_value("wangge_gateway_stream_unheard_total") or 0.0
