"""When readers that wait look again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from gateway.streams.rounds import AT_ONCE, Rounds


def within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, seconds))


def test_one_reader_on_a_quiet_day_looks_at_once() -> None:
    async def work() -> None:
        rounds = Rounds()
        waiting = asyncio.ensure_future(rounds.wait(60))
        await asyncio.sleep(0)
        rounds.call()
        began = time.monotonic()
        await waiting
        assert time.monotonic() - began < 0.02

    within(5, work())


def test_what_comes_while_a_round_is_under_way_gets_one_more() -> None:
    async def work() -> None:
        rounds = Rounds()
        have = [0] * 3 * AT_ONCE
        told = 0

        async def reader(number: int) -> None:
            nonlocal told
            while have[number] < 2:
                if have[number] == told:
                    await rounds.wait(60)
                have[number] = told
                # The second event comes when half of them have looked: those have not seen it.
                if told == 1 and sum(have) == len(have) // 2:
                    told = 2
                    rounds.call()

        reading = [asyncio.ensure_future(reader(number)) for number in range(len(have))]
        await asyncio.sleep(0)
        told = 1
        rounds.call()
        await asyncio.gather(*reading)

    within(5, work())


def test_a_thousand_readers_gather_what_comes_in_between() -> None:
    async def work() -> None:
        rounds = Rounds()
        looks = told = 0

        async def reader() -> None:
            nonlocal looks
            seen = 0
            while seen < 100:
                if seen == told:
                    await rounds.wait(60)
                seen = told
                looks += 1
                time.sleep(0.00002)  # noqa: ASYNC251 - what a write costs: the loop is busy, and that makes rounds rare

        reading = [asyncio.ensure_future(reader()) for _ in range(1000)]
        for _ in range(100):
            await asyncio.sleep(0.002)
            told += 1
            rounds.call()
        await asyncio.gather(*reading)
        assert looks < 1000 * 50

    within(30, work())


def test_other_work_goes_on_in_the_middle_of_a_round() -> None:
    async def work() -> None:
        rounds = Rounds()
        woken, seen = 0, set()

        async def reader() -> None:
            nonlocal woken
            await rounds.wait(60)
            woken += 1

        reading = [asyncio.ensure_future(reader()) for _ in range(10 * AT_ONCE)]
        await asyncio.sleep(0)
        rounds.call()
        while woken < len(reading):
            seen.add(woken)
            await asyncio.sleep(0)
        assert len(seen) >= 10

    within(5, work())


def test_who_gives_up_waiting_is_forgotten() -> None:
    async def work() -> None:
        rounds = Rounds()
        waiting = asyncio.ensure_future(rounds.wait(60))
        await rounds.wait(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not rounds._waiting

    within(5, work())
