"""Deliberate mistakes, one at a time, to prove that the simulation would notice them. Used by tests only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from services.dispatch.application import assignments, deadlines
from services.dispatch.application.context import Context
from services.dispatch.application.ports import Fired
from services.dispatch.domain import fieldwork, firing, merging, recommendation
from services.dispatch.domain import incident as incident_module
from services.dispatch.domain.clocks import Clock
from services.dispatch.domain.firing import fire
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.stamps import Report
from services.dispatch.domain.team import Team
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


def a_twin_is_not_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two replicas answer the same key at the same moment, and both commit."""
    monkeypatch.setattr(Keys, "remember", lambda self, client, rows: self.rows.update((row.key, row) for row in rows))


def a_clock_takes_what_another_has_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim without SKIP LOCKED, and no leader: two replicas fire the same deadline."""
    monkeypatch.setattr(Memory, "unlocked", lambda self, rows, *, locked: list(rows))


def a_transaction_that_fails_leaves_its_half_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step of a batch is committed on its own."""
    monkeypatch.setattr(Memory, "_restore", lambda self, photograph: None)


def what_is_told_late_is_taken_to_have_happened_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages are judged by when they were recorded."""

    def naive(self: Context, command: Any) -> Report:
        return Report(self.uow.now, self.uow.now, self.actor.subject, self.actor.client)

    monkeypatch.setattr(Context, "report", naive)


def a_clock_that_is_met_stays_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its deadlines are not deleted."""
    monkeypatch.setattr(Clock, "disarm", lambda self, changes: None)


def nobody_is_asked_after_an_offer_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next team is not offered the incident."""
    monkeypatch.setattr(deadlines, "move_on", lambda context, incident, gone, report: None)


def a_breach_is_escalated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Further targets pass, and nobody further up hears of it."""
    escalate = firing._escalate

    def modest(incident: Incident, clock: Clock, report: Report, ladder: Any) -> None:
        if clock.escalations == 0:
            escalate(incident, clock, report, ladder)

    monkeypatch.setattr(firing, "_escalate", modest)


def reopening_starts_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """An incident is opened again, and nobody is held to a time."""
    start_clock = Incident.start_clock

    def lazy(self: Incident, stage: str, origin: str, started_at: Any, report: Report) -> None:
        if origin != "reopened":
            start_clock(self, stage, origin, started_at, report)

    monkeypatch.setattr(Incident, "start_clock", lazy)


def a_correction_judges_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time is corrected, and its breach stays as it was."""
    judge_clocks = Incident.judge_clocks

    def blind(self: Incident, stages: Any, report: Report, reason: str = "late_report") -> None:
        if reason != "corrected":
            judge_clocks(self, stages, report, reason)

    monkeypatch.setattr(Incident, "judge_clocks", blind)


def what_comes_out_of_a_merge_has_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clocks that the merge had stopped stay stopped."""
    monkeypatch.setattr(Incident, "resume_clocks", lambda self, which, report: None)


def what_a_duplicate_had_met_leaves_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A root's clock that was met by a duplicate's team runs again when the duplicate is taken out."""
    monkeypatch.setattr(merging, "_keep_met", lambda root, left: None)


def an_old_fix_moves_a_team_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last message that comes in is taken for the newest."""
    move = Team.move

    def forgetful(self: Team, lat: float, lon: float, report: Report) -> bool:
        self.position = None
        return move(self, lat, lon, report)

    monkeypatch.setattr(Team, "move", forgetful)


def only_the_first_of_several_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """One command sends the nearest of those that should go together, and nobody else."""
    cover = recommendation.cover
    monkeypatch.setattr(recommendation, "cover", lambda skills, teams: cover(skills, teams)[:1])


def who_is_going_already_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that an incident asks for is asked for again each time."""
    monkeypatch.setattr(recommendation, "lacking", lambda incident: ())


MUTATIONS: tuple[Break, ...] = (
    keys_are_forgotten, a_twin_is_not_noticed, events_leave_before_the_commit,
    a_transaction_that_fails_leaves_its_half_behind, a_deadline_is_deleted_before_it_is_done,
    a_clock_takes_what_another_has_locked, the_clock_does_not_check_the_generation, a_clock_that_is_met_stays_armed,
    a_breach_is_never_withdrawn, a_breach_is_escalated_once, who_fulfils_does_not_compare,
    what_is_told_late_is_taken_to_have_happened_late, a_correction_judges_no_clock, reopening_starts_no_clock,
    a_team_may_be_sent_twice, nobody_is_asked_after_an_offer_expired, an_old_fix_moves_a_team_back,
    the_root_does_not_hear_of_its_duplicates, what_a_duplicate_had_met_leaves_with_it,
    what_comes_out_of_a_merge_has_no_clock, only_the_first_of_several_is_sent, who_is_going_already_is_not_looked_at,
)  # fmt: skip
