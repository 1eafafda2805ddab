"""Commands that wait travel together; each keeps its caller, its deadline and its answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.actor import Actor
from chassis.assertions import DEVELOPMENT_ACTOR_KEY, Verifier, public_key_of
from chassis.errors import DeadlineExceeded, Unavailable
from gateway.rpc import Caller
from gateway.together import MOST_CALLS, MOST_COMMANDS, Together
from tests.support.callers import ASSERTIONS

ANNA, BEN = (Caller(Actor(name, "desk"), f"00-{name}") for name in ("anna", "ben"))

RECOGNISE = Verifier(public_key_of(DEVELOPMENT_ACTOR_KEY), "dispatch", mode="development")


class Dispatch:
    """Answers calls when it is let; `calls` are (method, callers, keys)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[Actor], list[str]]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def call(
        self, service: str, method: str, arguments: dict[str, Any], *, timeout_s: float, caller: Caller
    ) -> Any:
        alone = method == "execute"
        requests = [{"actor": caller.actor, **arguments}] if alone else arguments["requests"]
        callers = [caller.actor if alone else RECOGNISE(request["actor"]) for request in requests]
        keys = [[command["key"] for command in request["commands"]] for request in requests]
        self.calls.append((method, callers, [key for some in keys for key in some]))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        answers = [[{"ok": True, "key": key} for key in some] for some in keys]
        return {"answers": answers[0] if alone else answers}


def ask(together: Together, key: str, caller: Caller = ANNA, seconds: float = 5.0) -> asyncio.Task[Any]:
    return asyncio.create_task(together.execute({"key": key}, timeout_s=seconds, caller=caller))


async def a_moment() -> None:
    """Long enough for what was asked to have left."""
    for _ in range(4):
        await asyncio.sleep(0)


async def busy() -> tuple[Dispatch, Together, list[asyncio.Task[Any]]]:
    """A dispatch that has all its calls under way."""
    dispatch = Dispatch()
    together = Together(dispatch, ASSERTIONS)
    asked = []
    for number in range(MOST_CALLS):
        asked.append(ask(together, f"first-{number}"))
        await a_moment()
    assert [method for method, _, _ in dispatch.calls] == ["execute"] * MOST_CALLS
    return dispatch, together, asked


@pytest.mark.anyio
async def test_a_command_that_is_alone_leaves_at_once_as_a_call_of_its_caller() -> None:
    dispatch = Dispatch()
    dispatch.gate.set()
    assert await ask(Together(dispatch, ASSERTIONS), "a", BEN) == {"ok": True, "key": "a"}
    assert dispatch.calls == [("execute", [BEN.actor], ["a"])]


@pytest.mark.anyio
async def test_what_comes_in_one_moment_leaves_in_one_call() -> None:
    dispatch = Dispatch()
    dispatch.gate.set()
    together = Together(dispatch, ASSERTIONS)
    asked = [ask(together, key, caller) for key, caller in (("a", ANNA), ("b", BEN), ("c", ANNA))]
    assert [each["key"] for each in await asyncio.gather(*asked)] == ["a", "b", "c"]
    assert dispatch.calls == [("execute_together", [ANNA.actor, BEN.actor, ANNA.actor], ["a", "b", "c"])]


@pytest.mark.anyio
async def test_what_waits_leaves_together_and_each_hears_its_own_answer() -> None:
    dispatch, together, first = await busy()
    waiting = [ask(together, f"k{n}", (ANNA, BEN)[n % 2]) for n in range(5)]
    await asyncio.sleep(0)
    dispatch.gate.set()
    assert [each["key"] for each in await asyncio.gather(*first, *waiting)][-5:] == [f"k{n}" for n in range(5)]
    callers = [(ANNA, BEN)[n % 2].actor for n in range(5)]
    assert dispatch.calls[MOST_CALLS:] == [("execute_together", callers, [f"k{n}" for n in range(5)])]


@pytest.mark.anyio
async def test_no_call_carries_more_than_it_may() -> None:
    dispatch, together, first = await busy()
    waiting = [ask(together, f"k{n}") for n in range(2 * MOST_COMMANDS + 1)]
    await asyncio.sleep(0)
    dispatch.gate.set()
    await asyncio.gather(*first, *waiting)
    assert [len(keys) for _, _, keys in dispatch.calls[MOST_CALLS:]] == [MOST_COMMANDS, MOST_COMMANDS, 1]


@pytest.mark.anyio
async def test_a_call_that_fails_fails_for_all_that_were_in_it_and_for_nobody_else() -> None:
    dispatch, together, first = await busy()
    waiting = [ask(together, key) for key in "ab"]
    await asyncio.sleep(0)
    dispatch.error = Unavailable("away")
    dispatch.gate.set()
    failed = await asyncio.gather(*first, *waiting, return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in failed)
    dispatch.error = None
    assert (await ask(together, "later"))["ok"]


@pytest.mark.anyio
async def test_one_that_waited_too_long_is_told_so_and_is_not_sent_any_more() -> None:
    dispatch, together, first = await busy()
    with pytest.raises(DeadlineExceeded):
        await ask(together, "late", seconds=0.01)
    dispatch.gate.set()
    await asyncio.gather(*first)
    assert (await ask(together, "next"))["key"] == "next"
    assert "late" not in [key for _, _, keys in dispatch.calls for key in keys]


@pytest.mark.anyio
async def test_a_client_that_left_takes_its_waiting_command_with_it() -> None:
    dispatch, together, first = await busy()
    gone, stays = ask(together, "gone"), ask(together, "stays")
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    dispatch.gate.set()
    await asyncio.gather(*first)
    assert (await stays)["key"] == "stays"
    assert dispatch.calls[MOST_CALLS:] == [("execute", [ANNA.actor], ["stays"])]
