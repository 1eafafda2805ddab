"""What of an incident or a team an actor is not shown: parts that its roles do not give are empty, and named.

Decided row by row: a role may reach one incident and not the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from services.dispatch.application.access import Access
from services.dispatch.application.context import Context
from services.dispatch.application.views import View, incident_view, team_view
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.team import Team

PARTS: Mapping[str, tuple[str, ...]] = {
    "incident.read_place": ("address", "lat", "lon"),
    "incident.read_text": ("summary",),
    "incident.read_caller": ("masked_phone", "has_contact"),
    "incident.read_work": ("assignments", "missing_skills", "clocks", "timeline"),
}
"""Permission → the members of an incident that it shows."""
_NOTHING: Mapping[str, object] = {
    "assignments": [], "missing_skills": [], "clocks": [], "timeline": [], "has_contact": False,
}  # fmt: skip
"""What stands in their place where the contract knows no null."""


def shown(access: Access, incident: Incident, view: View) -> View:
    """The view without what the actor may not see of this incident; `withheld` names what was left out of it."""
    withheld = [
        name
        for permission, names in PARTS.items()
        if not access.reaches(permission, incident)
        for name in names
        if name in view
    ]
    if not withheld:
        return view
    return {**view, **{name: _NOTHING.get(name) for name in withheld}, "withheld": withheld}


def shown_team(access: Access, team: Team, grid_code: str, view: View) -> View:
    """The view of a team, without its crew for who may not see it."""
    if access.reaches_team("team.read_members", team, grid_code):
        return view
    return {**view, "members": [], "withheld": ["members"]}


def show(context: Context, result: View) -> None:
    """Put the whole incident or team beside what a command answers, as its sender may see it."""
    uow, access = context.uow, context.access
    if "incident_id" in result:
        incident = uow.incidents.get(UUID(result["incident_id"]))
        if incident is not None:
            teams = [uow.teams.get(assignment.team_id) for assignment in incident.assignments]
            signs = {team.id: team.call_sign for team in teams if team is not None}
            under = uow.incidents.duplicate_ids(incident.id)
            head = uow.incidents.chain_head(incident.id)
            view = incident_view(incident, chain=head, call_signs=signs, duplicates=under)
            result["incident"] = shown(access, incident, view)
    elif "team_id" in result:
        team = uow.teams.get(UUID(result["team_id"]))
        if team is not None:
            view = team_view(team, uow.now)
            result["team"] = shown_team(access, team, context.grid_of(team.centre_code), view)
