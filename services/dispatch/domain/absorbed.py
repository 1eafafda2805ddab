"""What ties a merged duplicate to its root: the link on the duplicate, and what the root knows of its teams."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.dispatch.domain.assignment import earliest
from services.dispatch.domain.states import IncidentState


@dataclass(frozen=True, slots=True)
class MergeLink:
    """On a merged duplicate: the incident the operator named, the root it landed on, and how it was before."""

    parent_id: UUID
    root_id: UUID
    merged_at: datetime
    state_before: IncidentState
    stopped_clocks: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Revival:
    """A duplicate's team (its assignment's `seq`) answered after its offer had expired, in the root's `round`."""

    seq: int
    round: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What a root incident knows of one duplicate's teams: their firsts and how far they are. Dropped at un-merge.

    `cycle` and `round` are the root's when the duplicate's teams first counted; round 0 means that they do not.
    `going` are the teams that are on it, `gone` those that refused or did not answer; `brings` is what those can do
    that are going, or were on the scene, in its own cycle (None: not known).
    """

    cycle: int
    round: int
    first_assigned_at: datetime | None
    first_on_scene_at: datetime | None
    reach: IncidentState
    revivals: tuple[Revival, ...] = ()
    going: tuple[UUID, ...] = ()
    gone: tuple[UUID, ...] = ()
    brings: tuple[str, ...] | None = ()

    def took_up(self, round: int) -> datetime | None:
        """When one of the teams met the root's round of offers."""
        late = (revival.at for revival in self.revivals if revival.round == round)
        return earliest((self.first_assigned_at if self.round == round else None, *late))
