"""Denied requests are told for the record: alike ones once, with their number, and again until somebody has them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.actor import NOBODY
from chassis.errors import Forbidden, NotFound, ServiceError, Unauthorised, Unavailable
from gateway import denials
from gateway.denials import Denials
from gateway.rpc import Caller
from tests.support.callers import person

ANNA = person("auditor")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials, "PAUSE_SECONDS", 0.0)


class Dispatch:
    """Takes what it is told once it is there."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.tried = 0
        self.is_there = asyncio.Event()

    async def call(
        self, service: str, method: str, arguments: dict[str, Any], *, timeout_s: float, caller: Caller
    ) -> Any:
        assert (service, method, caller.actor.credential) == ("dispatch", "record_denials", "service")
        self.tried += 1
        await asyncio.sleep(0)
        if not self.is_there.is_set():
            raise Unavailable("away")
        self.told += arguments["denials"]
        return {"recorded": len(arguments["denials"])}


def refusal(**extra: Any) -> ServiceError:
    return Forbidden("no", rule="role", permission="board.read", **extra)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


@pytest.mark.anyio
async def test_alike_ones_are_told_once_with_how_many_they_are() -> None:
    dispatch = Dispatch()
    dispatch.is_there.set()
    noting = Denials(dispatch)
    for number in range(1000):
        noting.note("GET /v1/board", NOBODY, Unauthorised("who?"), f"r-{number}")
    noting.note("GET /v1/board", ANNA, refusal(), "r-x")
    noting.start()
    await until(lambda: len(dispatch.told) == 2)
    await noting.stop()
    stranger, anna = dispatch.told
    assert (stranger["subject"], stranger["code"], stranger["times"]) == ("nobody", "missing_token", 1000)
    assert anna == {
        "asked": "GET /v1/board", "code": "forbidden", "subject": "p-0001", "client": "desk", "credential": "person",
        "permission": "board.read", "rule": "role", "request_id": "r-x", "times": 1,
    }  # fmt: skip


@pytest.mark.anyio
async def test_what_is_no_denial_or_on_the_record_already_is_not_told() -> None:
    noting = Denials(Dispatch())
    noting.note("GET /v1/board", ANNA, NotFound("none"), "r")
    noting.note("GET /v1/board", ANNA, refusal(on_record=True), "r")
    assert noting._waiting == {}


@pytest.mark.anyio
async def test_what_cannot_be_told_is_kept_and_counts_on() -> None:
    dispatch = Dispatch()
    noting = Denials(dispatch)
    noting.note("GET /v1/board", ANNA, refusal(), "r-1")
    noting.start()
    await until(lambda: dispatch.tried)
    noting.note("GET /v1/board", ANNA, refusal(), "r-2")
    dispatch.is_there.set()
    await until(lambda: dispatch.told)
    await noting.stop()
    assert sum(each["times"] for each in dispatch.told) == 2


@pytest.mark.anyio
async def test_what_waits_is_told_when_the_gateway_stops() -> None:
    dispatch = Dispatch()
    dispatch.is_there.set()
    noting = Denials(dispatch)
    noting.note("GET /v1/board", ANNA, refusal(), "r-1")
    await noting.stop()
    assert len(dispatch.told) == 1


@pytest.mark.anyio
async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials, "MOST_WAITING", 3)
    noting = Denials(Dispatch())
    for number in range(10):
        noting.note("GET /v1/board", person("ops", subject=f"p-{number}"), refusal(), "r")
    assert len(noting._waiting) == 3
