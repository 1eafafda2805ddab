"""The states of an incident and of an assignment, the stages that are stamped, and the order between them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class IncidentState(StrEnum):
    """Where an incident stands. `assigned`, `en_route`, `on_scene` are derived from its assignments, never set."""

    RECEIVED = "received"
    PUSHED = "pushed"
    ASSIGNED = "assigned"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    RESOLVED = "resolved"
    CLOSED = "closed"
    ARCHIVED = "archived"
    CANCELLED = "cancelled"
    MERGED = "merged"


class AssignmentState(StrEnum):
    """Where one team stands on one incident."""

    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    CLEARED = "cleared"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


AT_WORK = frozenset({IncidentState.PUSHED, IncidentState.ASSIGNED, IncidentState.EN_ROUTE, IncidentState.ON_SCENE})
OPEN_INCIDENT = AT_WORK | {IncidentState.RECEIVED}
OPEN_ASSIGNMENT = frozenset(
    {AssignmentState.ASSIGNED, AssignmentState.ACCEPTED, AssignmentState.EN_ROUTE, AssignmentState.ON_SCENE}
)
GONE_ASSIGNMENT = frozenset({AssignmentState.REFUSED, AssignmentState.EXPIRED, AssignmentState.WITHDRAWN})

# How far an open assignment brings the incident.
REACH = {
    AssignmentState.ASSIGNED: IncidentState.ASSIGNED,
    AssignmentState.ACCEPTED: IncidentState.ASSIGNED,
    AssignmentState.EN_ROUTE: IncidentState.EN_ROUTE,
    AssignmentState.ON_SCENE: IncidentState.ON_SCENE,
}
REACH_ORDER = (IncidentState.PUSHED, IncidentState.ASSIGNED, IncidentState.EN_ROUTE, IncidentState.ON_SCENE)

# The stages that carry a stamp, in the order in which they happen.
INCIDENT_STAGES = (
    "received", "pushed", "acknowledged", "reopened", "resolved", "fed_back", "closed", "archived", "cancelled",
)  # fmt: skip
ASSIGNMENT_STAGES = ("assigned", "accepted", "departed", "arrived", "cleared")
ENDINGS = ("refused", "expired", "withdrawn")


def furthest(states: Iterable[IncidentState]) -> IncidentState:
    """The furthest of the derived states; `pushed` when there is none."""
    return max(states, key=REACH_ORDER.index, default=IncidentState.PUSHED)
