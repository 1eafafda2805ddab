"""What aggregates collect while they change: events for the timeline and the outbox, and deadlines to arm or disarm."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """A fact about an incident. `type` is a short name (contracts.names.INCIDENT_FACTS); `data` is JSON-ready, thin.

    `version` is the incident's version after the event and the sequence on the wire: it grows by one per event.
    """

    type: str
    version: int
    occurred_at: datetime
    recorded_at: datetime
    by: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TeamEvent:
    """A fact about a team: created, changed, moved. `version` grows by one per event."""

    type: str
    version: int
    occurred_at: datetime
    recorded_at: datetime
    by: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeadlineChange:
    """One row of the deadline table to write (`due_at` given) or to delete (`due_at` None).

    The subject is the incident.
    """

    kind: str
    generation: int
    due_at: datetime | None


@dataclass(slots=True)
class DeadlineChanges:
    """The net change of an incident's deadlines in one transaction: delete `disarmed` first, then insert `armed`."""

    armed: dict[tuple[str, int], datetime] = field(default_factory=dict)
    disarmed: set[tuple[str, int]] = field(default_factory=set)

    def arm(self, kind: str, generation: int, due_at: datetime) -> None:
        """Have `kind` fire at `due_at`; an earlier date of the same kind and generation is replaced."""
        self.disarmed.add((kind, generation))
        self.armed[(kind, generation)] = due_at

    def disarm(self, kind: str, generation: int) -> None:
        """Have `kind` not fire; harmless when it was never armed."""
        self.disarmed.add((kind, generation))
        self.armed.pop((kind, generation), None)

    def collect(self) -> list[DeadlineChange]:
        """Deletions, then insertions, in an order that does not depend on hashing; forgets them."""
        changes = [DeadlineChange(kind, generation, None) for kind, generation in sorted(self.disarmed)]
        changes += [DeadlineChange(kind, generation, due) for (kind, generation), due in self.armed.items()]
        self.armed.clear()
        self.disarmed.clear()
        return changes


def wire_time(moment: datetime) -> str:
    """`moment` (aware) as RFC 3339 in UTC with six decimals, as `contracts.fields.format_moment` writes it."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat(timespec='microseconds')[:26]}Z"
