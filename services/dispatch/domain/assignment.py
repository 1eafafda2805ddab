"""An assignment: one team on one incident, with its own stages. The team's and the incident's state derive from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.dispatch.domain.errors import Conflict
from services.dispatch.domain.stamps import Stamp
from services.dispatch.domain.states import (
    ASSIGNMENT_STAGES,
    OPEN_ASSIGNMENT,
    REACH,
    AssignmentState,
    IncidentState,
    furthest,
)

_BEFORE = {stage: ASSIGNMENT_STAGES[:position] for position, stage in enumerate(ASSIGNMENT_STAGES)}
_AFTER = {stage: ASSIGNMENT_STAGES[position + 1 :] for position, stage in enumerate(ASSIGNMENT_STAGES)}
_CLOSED_FOR_GOOD = (AssignmentState.REFUSED, AssignmentState.WITHDRAWN)


@dataclass(slots=True)
class Assignment:
    """One row of the assignment table. `seq` counts the incident's assignments from 1 and names its answer deadline.

    `cycle` is the incident's (reopenings), `round` the run of the assign clock it answers. `stamps` by stage:
    assigned, accepted, departed, arrived, cleared, refused, expired, withdrawn. `revived_round` is set when the team
    answered after its offer had expired: it then meets that round's assign clock at `revived_at`. `skills` are what
    the team could do when it was sent; None when it was sent before that was written down.
    """

    id: UUID
    incident_id: UUID
    team_id: UUID
    seq: int
    cycle: int
    round: int
    centre_code: str
    auto: bool
    state: AssignmentState = AssignmentState.ASSIGNED
    stamps: dict[str, Stamp] = field(default_factory=dict)
    answer_due_at: datetime | None = None
    end_reason: str | None = None
    revived_round: int | None = None
    revived_at: datetime | None = None
    skills: tuple[str, ...] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the team is still on the incident."""
        return self.state in OPEN_ASSIGNMENT

    @property
    def is_or_was_there(self) -> bool:
        """Whether the team is still on the incident, or is free of it after it was on the scene."""
        return self.is_open or (self.state is AssignmentState.CLEARED and "arrived" in self.stamps)

    @property
    def answer_kind(self) -> str:
        """The kind of its answer deadline."""
        return f"answer.{self.seq}"

    def at(self, stage: str) -> datetime | None:
        """When `stage` happened on this assignment (effective), None when it has not."""
        stamp = self.stamps.get(stage)
        return None if stamp is None else stamp.effective

    def told(self, stage: str) -> bool:
        """Whether somebody reported the stage (an implied one was not reported)."""
        stamp = self.stamps.get(stage)
        return stamp is not None and "implied" not in stamp.flags

    def neighbours(self, stage: str) -> tuple[datetime | None, datetime | None]:
        """The latest reported stage before `stage` and the earliest after it (effective)."""
        previous = following = None
        stamps = self.stamps
        for name in _BEFORE.get(stage, ("assigned",)):
            if name in stamps and "implied" not in stamps[name].flags:
                at = stamps[name].effective
                if previous is None or at > previous:
                    previous = at
        for name in _AFTER.get(stage, ()):
            if name in stamps and "implied" not in stamps[name].flags:
                at = stamps[name].effective
                if following is None or at < following:
                    following = at
        return previous, following

    def refuse_unless_stampable(self, stage: str) -> None:
        """Raises Conflict `already_<stage>`, or `assignment_<state>` when the team is no longer on the incident."""
        if self.told(stage):
            raise self._conflict(f"already_{stage}", f"the assignment is already {stage}")
        if self.state in _CLOSED_FOR_GOOD or (self.state is AssignmentState.EXPIRED and stage == "cleared"):
            raise self._conflict(f"assignment_{self.state}", f"the assignment was {self.state}")

    def refuse_unless_of_cycle(self, cycle: int) -> None:
        """Raises Conflict `assignment_expired` for an expired offer of before the incident was reopened.

        Taken up again it would meet the new cycle's assign clock without counting there: nobody would be asked for.
        """
        if self.cycle != cycle:
            raise self._conflict("assignment_expired", "the offer expired before the incident was reopened")

    def refuse_unless_offered(self, ending: str) -> None:
        """Raises Conflict unless the offer can still be refused, expire or be withdrawn."""
        if self.told(ending):
            raise self._conflict(f"already_{ending}", f"the assignment is already {ending}")
        if not self.is_open:
            raise self._conflict(f"assignment_{self.state}", f"the assignment is {self.state}")
        unanswered = self.state is AssignmentState.ASSIGNED
        if ending == "refused" and not unanswered:
            raise self._conflict("already_accepted", "the team has taken the assignment; withdraw it instead")

    def settle(self) -> None:
        """Derive the state of an open or cleared assignment from its stamps."""
        for stage, state in _FURTHEST:
            if stage in self.stamps:
                self.state = state
                return

    def _conflict(self, code: str, detail: str) -> Conflict:
        return Conflict(code, detail, assignment_id=str(self.id), state=str(self.state))


_FURTHEST = (
    ("cleared", AssignmentState.CLEARED),
    ("arrived", AssignmentState.ON_SCENE),
    ("departed", AssignmentState.EN_ROUTE),
    ("accepted", AssignmentState.ACCEPTED),
    ("assigned", AssignmentState.ASSIGNED),
)


@dataclass(slots=True)
class Roster:
    """The assignments of one incident, in the order of their `seq`. `changed` holds those to be written."""

    assignments: list[Assignment] = field(default_factory=list)
    changed: dict[UUID, Assignment] = field(default_factory=dict)

    def find(self, assignment_id: UUID) -> Assignment | None:
        """The assignment by its id."""
        for assignment in self.assignments:
            if assignment.id == assignment_id:
                return assignment
        return None

    def of_team(self, team_id: UUID) -> Assignment | None:
        """The team's newest open assignment, or its newest when none is open."""
        newest = None
        for assignment in reversed(self.assignments):
            if assignment.team_id == team_id:
                if assignment.is_open:
                    return assignment
                newest = newest or assignment
        return newest

    def open(self) -> list[Assignment]:
        """The assignments whose teams are still on the incident."""
        return [assignment for assignment in self.assignments if assignment.is_open]

    def gone(self, cycle: int) -> set[UUID]:
        """The teams that refused or let their offer expire in a cycle."""
        ended = (AssignmentState.REFUSED, AssignmentState.EXPIRED)
        return {a.team_id for a in self.assignments if a.state in ended and a.cycle == cycle}

    def brings(self, cycle: int) -> tuple[str, ...] | None:
        """Skills of the teams that are going, or were on the scene, in a cycle; None when one's are not known."""
        brought: set[str] = set()
        for assignment in self.assignments:
            if assignment.cycle == cycle and assignment.is_or_was_there:
                if assignment.skills is None:
                    return None
                brought.update(assignment.skills)
        return tuple(sorted(brought))

    def add(self, assignment: Assignment) -> None:
        """Take up a new assignment."""
        self.assignments.append(assignment)
        self.changed[assignment.id] = assignment

    def first(self, stage: str, *, cycle: int | None = None) -> datetime | None:
        """The earliest effective time of a stage over all assignments, of one cycle when given."""
        return earliest(a.at(stage) for a in self.assignments if cycle is None or a.cycle == cycle)

    def first_offer(self, round: int) -> datetime | None:
        """When a round of offers was met: its first assignment, or a team that answered after all."""
        own = (a.at("assigned") for a in self.assignments if a.round == round)
        late = (a.revived_at for a in self.assignments if a.revived_round == round)
        return earliest((*own, *late))

    def reach(self, cycle: int) -> IncidentState:
        """How far a cycle's teams bring the incident: the best open one, else the best cleared one, else pushed."""
        states = [REACH[a.state] for a in self.assignments if a.cycle == cycle and a.state in REACH]
        if not states:
            states = [_reached(a) for a in self.assignments if a.cycle == cycle and a.state is AssignmentState.CLEARED]
        return furthest(states)


def _reached(cleared: Assignment) -> IncidentState:
    if "arrived" in cleared.stamps:
        return IncidentState.ON_SCENE
    return IncidentState.EN_ROUTE if "departed" in cleared.stamps else IncidentState.ASSIGNED


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The earliest of the moments that are known."""
    first = None
    for moment in moments:
        if moment is not None and (first is None or moment < first):
            first = moment
    return first
