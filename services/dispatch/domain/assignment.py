"""An assignment: one team on one incident, with its own stages. The team's and the incident's state derive from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.dispatch.domain.stamps import Stamp
from services.dispatch.domain.states import OPEN_ASSIGNMENT, AssignmentState


@dataclass(slots=True)
class Assignment:
    """One row of the assignment table. `seq` counts the incident's assignments from 1 and names its answer deadline.

    `cycle` is the incident's (reopenings), `round` the run of the assign clock it answers. `stamps` by stage:
    assigned, accepted, departed, arrived, cleared, refused, expired, withdrawn.
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

    @property
    def is_open(self) -> bool:
        """Whether the team is still on the incident."""
        return self.state in OPEN_ASSIGNMENT

    def at(self, stage: str) -> datetime | None:
        """When `stage` happened on this assignment (effective), None when it has not."""
        stamp = self.stamps.get(stage)
        return None if stamp is None else stamp.effective


@dataclass(slots=True)
class Roster:
    """The assignments of one incident, in the order of their `seq`. `changed` holds those to be written."""

    assignments: list[Assignment] = field(default_factory=list)
    changed: dict[UUID, Assignment] = field(default_factory=dict)
