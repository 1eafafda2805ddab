"""Deliberate mistakes, one at a time, to prove that the simulation would notice them. Used by tests only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from services.dispatch.application import assignments, deadlines
from services.dispatch.application.ports import Fired
from services.dispatch.domain import fieldwork
from services.dispatch.domain import incident as incident_module
from services.dispatch.domain.clocks import Clock
from services.dispatch.domain.firing import fire
from tests.model.memory import Keys, Memory

Break = Callable[[pytest.MonkeyPatch], None]


def keys_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks whether a command was answered before."""
    monkeypatch.setattr(Keys, "recall", lambda self, client, keys: {})


def events_leave_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a transaction tells is published even when it is rolled back."""
    transact = Memory.transact

    def hasty(self: Memory, work: Callable[[Any], Any]) -> Any:
        def publishing(uow: Memory) -> Any:
            result = work(uow)
            for each in uow.incidents.rows.values():
                uow.publish(each)
            return result

        return transact(self, publishing)

    monkeypatch.setattr(Memory, "transact", hasty)


def a_deadline_is_deleted_before_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim commits on its own: a clock killed between the two steps loses the deadline."""

    def careless(self: Memory, rows: Sequence[Fired]) -> None:
        self.claim(rows)
        self.transact(lambda uow: deadlines.fire_deadlines(uow, rows))

    monkeypatch.setattr(Memory, "fire", careless)


def the_clock_does_not_check_the_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes due is taken to be about the newest run of its stage, and an offer about who is asked now."""

    def blunt(incident: Any, kind: str, generation: int, due_at: Any, now: Any, ladder: Any) -> Any:
        step, _, stage = kind.partition(".")
        clock = incident.clockwork.current(stage)
        if step == "breach" and clock is not None:
            return fire(incident, kind, clock.generation, clock.due_at, now, ladder)
        return fire(incident, kind, generation, due_at, now, ladder)

    monkeypatch.setattr(deadlines, "fire", blunt)


def a_breach_is_never_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that had happened in time stays a breach."""
    monkeypatch.setattr(Clock, "withdraw_breach", lambda self, now, reason: self.breach)


def who_fulfils_does_not_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that is met too late is a breach only if the clock was there first."""
    judge = incident_module.judge

    def trusting(clock: Clock, *given: Any, **named: Any) -> Any:
        verdict = judge(clock, *given, **named)
        if verdict is not None and verdict.type == "breached":
            clock.breach = None
            clock.settle()
            return None
        return verdict

    monkeypatch.setattr(incident_module, "judge", trusting)


def a_team_may_be_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two open assignments of one team on one incident."""
    monkeypatch.setattr(fieldwork, "_refuse_twice", lambda incident, team_id: None)


def the_root_does_not_hear_of_its_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teams of a merged duplicate report, and nobody counts them."""
    monkeypatch.setattr(assignments, "mirror", lambda duplicate, root, report, since: None)


MUTATIONS: tuple[Break, ...] = (
    keys_are_forgotten, events_leave_before_the_commit, a_deadline_is_deleted_before_it_is_done,
    the_clock_does_not_check_the_generation, a_breach_is_never_withdrawn, who_fulfils_does_not_compare,
    a_team_may_be_sent_twice, the_root_does_not_hear_of_its_duplicates,
)  # fmt: skip
