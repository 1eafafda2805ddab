"""Whether an actor may do a thing to a row: the role's permission, and how far it reaches (docs/decisions/0056).

Who may not see a row is told that there is none; who sees it and may not do this to it is told which permission is
missing. Either way the refusal is a `Denied`, which leaves a record, and nothing has been changed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from uuid import UUID

from contracts.rights.deciding import purposes_of, reach_of
from contracts.rights.roles import AREA, COUNTY, DISPUTES, OWN, TEAM
from services.dispatch.application.ports import Actor
from services.dispatch.application.terms import Sight, Wall
from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.errors import Denied, Forbidden, Hidden, NotFound
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.states import GONE_ASSIGNMENT
from services.dispatch.domain.team import Team

SEE, SEE_TEAM = "incident.read", "team.read"
_FAR, _DISPUTE = "jurisdiction", "dispute"

TeamsOf = Callable[[str], frozenset[UUID]]


def held(actor: Actor, permission: str) -> frozenset[str]:
    """How far a permission reaches for the actor. Raises Forbidden when it is not held at all."""
    found = reach_of(actor, permission)
    if not found:
        raise Forbidden.to(permission, "role", f"your roles do not give {permission}")
    return found


def wall_of(actor: Actor) -> Wall:
    """What a look on behalf of an actor may see of the database's own accord, whatever is asked there."""
    reach = reach_of(actor, SEE) | reach_of(actor, "sla.read") | reach_of(actor, "board.read")
    areas = actor.within("") if reach & {AREA, DISPUTES} else ()
    return Wall(
        prefixes=("",) if COUNTY in reach else areas,
        serves=actor.subject if TEAM in reach else None,
        reporter=actor.subject if OWN in reach else None,
    )


class Access:
    """What one actor may do, decided row by row; `teams_of` finds the teams that a subject serves in."""

    def __init__(self, actor: Actor, teams_of: TeamsOf) -> None:
        self.actor = actor
        self._teams_of = teams_of

    @cached_property
    def teams(self) -> frozenset[UUID]:
        """The teams that the actor serves in; looked up only for roles that reach no further."""
        return self._teams_of(self.actor.subject)

    def reaches(self, permission: str, incident: Incident) -> bool:
        """Whether the permission reaches this incident."""
        reach, actor = reach_of(self.actor, permission), self.actor
        if COUNTY in reach:
            return True
        of_area = AREA in reach or (DISPUTES in reach and incident.kind == _DISPUTE)
        if of_area and actor.covers(incident.jurisdiction):
            return True
        if TEAM in reach and any(self._serves(each) for each in incident.assignments):
            return True
        return OWN in reach and incident.stamps["received"].by == actor.subject

    def permit(self, permission: str, incident: Incident, text: str, field: str) -> Incident:
        """The incident, known to the caller as `text`. Raises Hidden, Forbidden."""
        if self.reaches(permission, incident):
            return incident
        if not self.reaches(SEE, incident):
            hidden = Hidden("unknown_incident", f"there is no incident {text}", field=field)
            raise hidden.on_record(permission, _FAR, str(incident.id), incident.jurisdiction)
        raise self._too_far(permission, str(incident.id), incident.jurisdiction)

    def permit_assignment(self, permission: str, incident: Incident, assignment: Assignment, absent: NotFound) -> None:
        """Let the actor tell of an assignment: in its area, or as one of that very team. Raises Hidden, Forbidden."""
        reach = reach_of(self.actor, permission)
        if COUNTY in reach or (AREA in reach and self.actor.covers(incident.jurisdiction)):
            return
        if TEAM in reach and assignment.team_id in self.teams:
            return
        raise self.hidden(permission, incident, absent)

    def hidden(self, permission: str, incident: Incident, absent: NotFound) -> Denied:
        """Why the permission does not reach the incident, to be raised: in the words of `absent` to who sees none."""
        if self.reaches(SEE, incident):
            return self._too_far(permission, str(incident.id), incident.jurisdiction)
        return Hidden.instead_of(absent).on_record(permission, _FAR, str(incident.id), incident.jurisdiction)

    def reaches_team(self, permission: str, team: Team, grid_code: str) -> bool:
        """Whether the permission reaches this team, whose centre answers for `grid_code`."""
        reach = reach_of(self.actor, permission)
        if COUNTY in reach or (AREA in reach and self.actor.covers(grid_code)):
            return True
        return TEAM in reach and team.id in self.teams

    def permit_team(self, permission: str, team: Team, grid_code: str, absent: NotFound) -> Team:
        """The team. Raises Hidden, Forbidden."""
        if self.reaches_team(permission, team, grid_code):
            return team
        if not self.reaches_team(SEE_TEAM, team, grid_code):
            raise Hidden.instead_of(absent).on_record(permission, _FAR, str(team.id), grid_code)
        raise self._too_far(permission, str(team.id), grid_code)

    def reaches_place(self, permission: str, grid_code: str) -> bool:
        """Whether the permission reaches a place, whoever and whatever is there."""
        reach = reach_of(self.actor, permission)
        return COUNTY in reach or (AREA in reach and self.actor.covers(grid_code))

    def permit_place(self, permission: str, grid_code: str | None) -> None:
        """Let the actor set something up at a place; one not found yet keeps nobody out. Raises Forbidden."""
        reach = held(self.actor, permission)
        if COUNTY not in reach and grid_code is not None and not self.actor.covers(grid_code):
            raise self._too_far(permission, place=grid_code)

    def permit_purpose(self, permission: str, purpose: str) -> None:
        """Let the actor use a permission for a purpose. Raises Forbidden."""
        if purpose not in purposes_of(self.actor, permission):
            raise Forbidden.to(permission, "purpose", f"your roles do not give {permission} for {purpose}")

    def sight(self, permission: str) -> Sight:
        """Which incidents a list or a figure may hold. Raises Forbidden when the permission is not held at all."""
        reach, areas = held(self.actor, permission), self.actor.within("")
        return Sight(
            everywhere=COUNTY in reach or (AREA in reach and "" in areas),
            prefixes=areas if AREA in reach else (),
            dispute_prefixes=areas if DISPUTES in reach else (),
            teams=tuple(sorted(self.teams)) if TEAM in reach else (),
            reporter=self.actor.subject if OWN in reach else None,
        )

    def _serves(self, assignment: Assignment) -> bool:
        return assignment.state not in GONE_ASSIGNMENT and assignment.team_id in self.teams

    def _too_far(self, permission: str, about: str = "", place: str = "") -> Denied:
        return Forbidden.to(permission, _FAR, f"{permission} does not reach this for you", about, place)
