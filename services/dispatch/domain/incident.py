"""The incident: one call for help, from its receipt to the archive.

This module holds what it *is* and what every change shares: telling events, deriving the state, judging the clocks.
What can be *done* to it stands in intake, desk, fieldwork, closing, merging, correcting and firing, one function a
change; each refuses by raising before anything has changed, so commands of one batch may share a loaded incident.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dispatch.domain.absorbed import Absorbed, MergeLink
from services.dispatch.domain.assignment import Assignment, Roster, earliest
from services.dispatch.domain.clocks import SPANS, Breach, Clock, Clockwork, clock_data, judge
from services.dispatch.domain.events import DeadlineChanges, IncidentEvent
from services.dispatch.domain.policy import SlaPolicy
from services.dispatch.domain.stamps import PastStamp, Report, Stamp
from services.dispatch.domain.states import AT_WORK, IncidentState, furthest


@dataclass(frozen=True, slots=True)
class Note:
    """A remark of an operator; the text stays in the database and never enters an event."""

    at: datetime
    by: str
    about: str
    text: str


@dataclass(slots=True)
class Incident:
    """Every field is a column or part of a JSON column of the incident table, except those below `collected`."""

    id: UUID
    policy: SlaPolicy
    source: str
    category: str
    kind: str
    priority: int
    alarm_level: int
    lat: float | None
    lon: float | None
    grid_code: str | None
    jurisdiction: str
    exercise: bool
    backfill: bool
    version: int = 0
    state: IncidentState = IncidentState.RECEIVED
    cycle: int = 1
    round: int = 1
    reference_system: str | None = None
    reference_number: str | None = None
    summary: str = ""
    address: str = ""
    has_contact: bool = False
    masked_phone: str | None = None
    centre_code: str | None = None
    home_code: str | None = None
    home_level: str | None = None
    level_code: str | None = None
    level: str | None = None
    flags: list[str] = field(default_factory=list)
    required_skills: tuple[str, ...] = ()
    stamps: dict[str, Stamp] = field(default_factory=dict)
    past_stamps: list[PastStamp] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    outcome: str | None = None
    disposition: str | None = None
    handed_over_to: str | None = None
    merge: MergeLink | None = None
    absorbed: dict[UUID, Absorbed] = field(default_factory=dict)
    roster: Roster = field(default_factory=Roster)
    clockwork: Clockwork = field(default_factory=Clockwork)
    # collected in this transaction, taken by the unit of work when it saves
    is_new: bool = False
    events: list[IncidentEvent] = field(default_factory=list)
    deadlines: DeadlineChanges = field(default_factory=DeadlineChanges)
    breaches: dict[tuple[str, int], Breach] = field(default_factory=dict)

    @property
    def assignments(self) -> list[Assignment]:
        """The incident's assignments, oldest first."""
        return self.roster.assignments

    @property
    def received_at(self) -> datetime:
        """Effective time of receipt: a column for the figures."""
        return self.stamps["received"].effective

    @property
    def pushed_at(self) -> datetime | None:
        """Effective time of the push to a centre: a column for the figures."""
        return self.at("pushed")

    @property
    def first_assigned_at(self) -> datetime | None:
        """The earliest `assigned` over all assignments, of merged duplicates too: a column for the figures."""
        return earliest((self.roster.first("assigned"), *(a.first_assigned_at for a in self.absorbed.values())))

    @property
    def first_departed_at(self) -> datetime | None:
        """The earliest `departed` over the incident's own assignments: a column for the figures."""
        return self.roster.first("departed")

    @property
    def first_on_scene_at(self) -> datetime | None:
        """The earliest `arrived` over all assignments, of merged duplicates too: a column for the figures."""
        return earliest((self.roster.first("arrived"), *(a.first_on_scene_at for a in self.absorbed.values())))

    @property
    def merged_into(self) -> UUID | None:
        """The root incident that this one stands under."""
        return self.merge.root_id if self.merge else None

    def at(self, stage: str) -> datetime | None:
        """When a stage of the incident itself happened (effective)."""
        stamp = self.stamps.get(stage)
        return None if stamp is None else stamp.effective

    def emit(self, type: str, report: Report, **data: Any) -> None:
        """Tell a fact: one version more, with what every event of an incident carries."""
        self.version += 1
        common = {
            "incident_id": str(self.id), "state": self.state.value, "exercise": self.exercise,
            "backfill": self.backfill, "by": report.by,
        }  # fmt: skip
        common.update(data)
        event = IncidentEvent(type, self.version, report.occurred_at, report.recorded_at, report.by, common)
        self.events.append(event)

    def remark(self, report: Report, about: str, text: str | None) -> None:
        """Keep an operator's words beside the record."""
        if text:
            self.notes.append(Note(report.recorded_at, report.by, about, text))

    def reach(self) -> IncidentState:
        """How far the teams bring an incident that is being worked on."""
        own = self.roster.reach(self.cycle)
        if not self.absorbed:
            return own
        return furthest((own, *(a.reach for a in self.absorbed.values() if a.cycle == self.cycle)))

    def derive(self) -> bool:
        """Set the derived state; True when it fell back to `pushed` because every offer is gone."""
        if self.state not in AT_WORK:
            return False
        before, self.state = self.state, self.reach()
        return self.state is IncidentState.PUSHED and before is not IncidentState.PUSHED

    def fall_back(self, report: Report) -> None:
        """Nobody is going any more: a new round of offers, on a new assign clock, unless one still runs."""
        running = self.clockwork.current("assign")
        if running is not None and running.ended_at is None and running.cycle == self.cycle:
            return
        self.round += 1
        self.start_clock("assign", "fallback", report.occurred_at, report)

    def start_clock(self, stage: str, origin: str, started_at: datetime, report: Report) -> None:
        """Start the next generation of a stage's clock, when the policy has a target for it."""
        target = self.policy.targets.get(stage)
        if target is None:
            return
        last = self.clockwork.current(stage)
        holder, holder_kind = self.holder(stage)
        clock = Clock(
            stage, last.generation + 1 if last else 1, self.cycle, self.round, origin, started_at, target,
            self.policy.warn_share, started_at, started_at, holder, holder_kind, backfill=self.backfill,
        )  # fmt: skip
        clock.restart_at(started_at)
        self.clockwork.add(clock, self.deadlines, report.recorded_at)

    def holder(self, stage: str) -> tuple[str, str]:
        """Who must act on a stage now, and what that is: a centre, a team, or a grid before anybody has it."""
        if stage == "arrive":
            going = next((a for a in self.assignments if a.is_open), None)
            if going is not None:
                return str(going.team_id), "team"
        if self.centre_code is not None:
            return self.centre_code, "centre"
        return self.jurisdiction or "county", "grid"

    def judge_clocks(self, stages: Collection[str], report: Report, reason: str = "late_report") -> None:
        """Hold the clocks of `stages` against the stamps; tells breaches and their withdrawals."""
        for clock in self.clockwork.clocks:
            if clock.stage not in stages or clock.stop_reason == "unmerged":
                continue
            started_at, met_at = self._span(clock)
            self._judge(clock, started_at or clock.started_at, met_at, report, reason)

    def stop_clocks(
        self, at: datetime, report: Report, reason: str, stages: Collection[str] = tuple(SPANS)
    ) -> tuple[tuple[str, int], ...]:
        """Stop what still runs of `stages`, as of `at`: what was due before and is not there is a breach.

        Returns what was stopped.
        """
        stopped = [clock for clock in self.clockwork.clocks if clock.ended_at is None and clock.stage in stages]
        for clock in stopped:
            clock.stop_reason = reason
            self._judge(clock, clock.started_at, None, report, "late_report", stopped_at=at)
        return tuple((clock.stage, clock.generation) for clock in stopped)

    def resume_clocks(self, which: Collection[tuple[str, int]], report: Report) -> None:
        """Let stopped clocks run on as if they had never stopped."""
        for clock in self.clockwork.clocks:
            if (clock.stage, clock.generation) in which and clock.met_at is None:
                clock.stop_reason = clock.stopped_at = None
                clock.settle()
                clock.arm(self.deadlines, report.recorded_at)

    def tell_verdict(self, type: str, clock: Clock, breach: Breach, report: Report, reason: str) -> None:
        """A breach, or its withdrawal, for the timeline and the breach table."""
        if type == "breach_withdrawn":
            self.emit(type, report, stage=clock.stage, generation=clock.generation, reason=reason)
            return
        late = {} if breach.late_by_seconds is None else {"late_by_seconds": breach.late_by_seconds}
        self.emit(type, report, **clock_data(clock), **late)

    def _judge(
        self, clock: Clock, started_at: datetime, met_at: datetime | None, report: Report, reason: str,
        *, stopped_at: datetime | None = None,
    ) -> None:  # fmt: skip
        if clock.ended_at is None and not clock.breached:
            clock.holder, clock.holder_kind = self.holder(clock.stage)
        verdict = judge(
            clock, self.deadlines, started_at=started_at, met_at=met_at, stopped_at=stopped_at or clock.stopped_at,
            now=report.recorded_at, reason=reason,
        )  # fmt: skip
        if clock.breach is not None:
            self.breaches[(clock.stage, clock.generation)] = clock.breach
        if verdict is not None:
            self.tell_verdict(verdict.type, clock, verdict.breach, report, reason)

    def _span(self, clock: Clock) -> tuple[datetime | None, datetime | None]:
        """The effective times that start and meet a clock; a start of None stays where it is."""
        cycle, stage = clock.cycle, clock.stage
        here = cycle == self.cycle
        lasting = clock.origin in {"received", "pushed"}
        origin_at = self.at(clock.origin) if lasting or (here and clock.origin != "reopened") else None
        if stage == "push":
            return origin_at, self.at("pushed") if here or clock.met_at else None
        if stage == "assign":
            taken = (a.took_up(clock.round) for a in self.absorbed.values())
            return origin_at, earliest((self.roster.first_offer(clock.round), *taken))
        if stage == "arrive":
            merged = [a for a in self.absorbed.values() if a.cycle == cycle and a.round]
            started_at = earliest((self.roster.first("assigned", cycle=cycle), *(a.first_assigned_at for a in merged)))
            return started_at, earliest(
                (self.roster.first("arrived", cycle=cycle), *(a.first_on_scene_at for a in merged))
            )
        met = "resolved" if stage == "resolve" else "fed_back"
        return origin_at, self.at(met) if here else clock.met_at
