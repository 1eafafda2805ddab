"""What becomes of taken calls when deliveries go wrong: kept, whatever it is; in the way of no other."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chassis.actor import Actor
from chassis.assertions import DEVELOPMENT_ACTOR_KEY, Assertions
from chassis.errors import Internal, ServiceError, Unauthenticated, Unavailable
from chassis.vault import Vault
from gateway.journal import delivery
from gateway.journal.delivery import Delivery
from gateway.journal.intake import Intake, Patience
from gateway.journal.journal import Journal
from gateway.journal.tracking import Tracking
from gateway.rpc import Caller
from gateway.together import Together
from tests.support.eventually import eventually

KEY = base64.b64encode(secrets.token_bytes(32)).decode()
LI = Caller(Actor("li", "desk-7", ("dispatcher",), ("999999003",)))
Fate = Callable[[list[str]], list[dict[str, Any]]]


class Dispatch:
    """Answers a call as the test says, by the keys in it."""

    def __init__(self, fate: Fate) -> None:
        self.fate = fate
        self.had: list[str] = []

    async def call(self, service: str, method: str, arguments: dict[str, Any], **_: object) -> dict[str, Any]:
        if method == "execute":
            raise Unavailable("away")
        keys = [command["key"] for request in arguments["requests"] for command in request["commands"]]
        answers = self.fate(keys)
        self.had += keys
        return {"answers": [[answer] for answer in answers]}


def done(keys: list[str]) -> list[dict[str, Any]]:
    return [{"ok": True, "status": 201, "result": {"incident_id": key}} for key in keys]


async def delivered(folder: Path, dispatch: Dispatch, count: int, until: Callable[[Intake], bool]) -> Intake:
    """`count` calls taken while dispatch is away, then delivered as long as it takes."""
    assertions = Assertions(DEVELOPMENT_ACTOR_KEY)
    journal = Journal(folder, Vault.from_text(KEY, mode="production"), 1 << 30)
    tracking = Tracking({"a": secrets.token_bytes(32)})
    intake = Intake(journal, Together(dispatch, assertions), tracking, Patience(0.05, 60), lambda: True)
    intake.recover()
    for number in range(count):
        command = {"command": "incident.create", "key": f"k{number}", "data": {}}
        assert (await intake.take(command, LI, timeout_s=1))["status"] == 202
    working = Delivery(intake, journal, dispatch, assertions)
    working.start()
    await asyncio.to_thread(eventually, lambda: until(intake), 10)
    await working.stop()
    journal.close()
    return intake


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "POSTPONED_SECONDS", 0.2)


@pytest.mark.parametrize("error", [Unauthenticated("nobody vouches for it"), Internal("a defect")])
def test_a_call_that_is_refused_as_a_whole_says_nothing_against_what_is_in_it(
    tmp_path: Path, error: ServiceError
) -> None:
    refusals = 12

    def fate(keys: list[str]) -> list[dict[str, Any]]:
        nonlocal refusals
        refusals -= 1
        if refusals > 0:
            raise error
        return done(keys)

    dispatch = Dispatch(fate)
    intake = asyncio.run(delivered(tmp_path, dispatch, 5, lambda intake: not len(intake.backlog)))
    assert sorted(dispatch.had) == [f"k{number}" for number in range(5)]
    assert all(intake.outcomes.find(LI.actor.owner, f"k{number}") for number in range(5))


def test_one_that_upsets_dispatch_is_kept_aside_and_the_others_arrive_in_order(tmp_path: Path) -> None:
    def fate(keys: list[str]) -> list[dict[str, Any]]:
        if "k1" in keys:
            raise Internal("a defect")
        return done(keys)

    dispatch = Dispatch(fate)
    intake = asyncio.run(delivered(tmp_path, dispatch, 4, lambda _: len(dispatch.had) == 3))
    assert dispatch.had == ["k0", "k2", "k3"]
    assert len(intake.backlog) == 1
    again = Dispatch(done)
    asyncio.run(delivered(tmp_path, again, 0, lambda intake: not len(intake.backlog)))
    assert again.had == ["k1"]


def test_a_refused_command_is_settled_with_its_reason_and_not_sent_again(tmp_path: Path) -> None:
    problem = {"status": 422, "code": "unknown_grid"}
    dispatch = Dispatch(lambda keys: [{"ok": False, "problem": problem} for _ in keys])
    intake = asyncio.run(delivered(tmp_path, dispatch, 2, lambda intake: not len(intake.backlog)))
    found = intake.outcomes.find(LI.actor.owner, "k1")
    assert found is not None
    assert found["problem"] == problem
    again = Dispatch(done)
    asyncio.run(delivered(tmp_path, again, 0, lambda _: True))
    assert again.had == []
