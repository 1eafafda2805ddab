"""The queue of answers: order and bounds, whatever is written and read when."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.streams.spool import Spool

STEPS = st.lists(st.one_of(st.binary(min_size=1, max_size=300), st.none()), max_size=60)


@given(STEPS)
def test_what_goes_in_comes_out_in_order_from_memory_and_from_disk(steps: list[bytes | None]) -> None:
    """None takes once, bytes are put; a window of 200 bytes sends many of them through the file."""

    async def run() -> bytes:
        spool = Spool(limit=1_000_000, window=200)
        had = b""
        waiting = 0
        for step in steps:
            if step is not None:
                spool.put(step)
                waiting += len(step)
            elif waiting:
                piece = await spool.take()
                had += piece
                waiting -= len(piece)
        spool.finish()
        while piece := await spool.take():
            had += piece
        spool.close()
        return had

    assert asyncio.run(run()) == b"".join(step for step in steps if step is not None)


def test_a_taker_waits_for_the_next_bytes_and_ends_after_the_last() -> None:
    async def run() -> list[bytes]:
        spool = Spool(limit=1000)
        taking = asyncio.gather(spool.take(), asyncio.sleep(0))
        spool.put(b"a")
        first, _ = await taking
        spool.finish()
        return [first, await spool.take(), await spool.take()]

    assert asyncio.run(run()) == [b"a", b"", b""]


def test_there_is_no_room_past_the_limit_until_some_was_taken() -> None:
    async def run() -> None:
        spool = Spool(limit=100, window=10)
        spool.put(b"x" * 150)
        assert not spool.has_room
        waiting = asyncio.ensure_future(spool.wait_for_room())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert await spool.take() == b"x" * 150
        await asyncio.wait_for(waiting, 1)
        spool.close()

    asyncio.run(run())


def test_an_emptied_file_is_used_again_from_its_beginning() -> None:
    async def run() -> None:
        spool = Spool(limit=1000, window=0)
        for _ in range(50):
            spool.put(b"x" * 500)
            assert await spool.take() == b"x" * 500
            assert spool.on_disk == 0
        spool.close()

    asyncio.run(run())
