"""What can be asked about incidents and teams: one function an RPC, answers as in contracts.dispatch.queries.

Figures, breaches and the board are in reports.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from contracts.catalogue import check
from contracts.dispatch import codes
from contracts.dispatch.command_data import CreateIncident
from services.dispatch.application import intake
from services.dispatch.application.context import IncidentRef, team_id_of
from services.dispatch.application.ports import Actor, Filters, Page, Reading
from services.dispatch.application.views import View, candidate_view, incident_view, team_view
from services.dispatch.domain.errors import Invalid, NotFound
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.recommendation import Need, recommend
from services.dispatch.domain.stamps import Report
from services.dispatch.domain.team import Team

MOST_INCIDENTS = 200
MOST_CHOICES = 50
# Filters that take several values, with what each may be; None: whatever there is.
_SEVERAL: Mapping[str, Collection[Any] | None] = {
    "state": codes.STATES, "category": codes.CATEGORIES, "kind": codes.KINDS, "priority": codes.PRIORITIES,
    "source": codes.SOURCES, "centre": None,
}  # fmt: skip
_DRAFT = CreateIncident(partial=True)
_DEFAULTS: Mapping[str, Any] = {"source": "system", "category": "other", "alarm_level": 1, "exercise": False}


def get_incident(reading: Reading, actor: Actor, incident: str, include: Collection[str] = ()) -> View:
    """One incident, with its timeline when `include` names it. Raises NotFound `unknown_incident`."""
    found = find(reading, actor, incident)
    view = incident_views(reading, [found])[0]
    if "timeline" in include:
        view["timeline"] = reading.timeline(found.id)
    return view


def list_incidents(
    reading: Reading, actor: Actor, filters: Mapping[str, Any], limit: int = 50, cursor: str | None = None
) -> View:
    """A page of incidents, newest first. Raises Invalid for a bad limit, cursor or filter."""
    page = page_of(reading, actor, filters, limit, cursor)
    return {"incidents": incident_views(reading, page.incidents), "next_cursor": page.next_cursor}


def page_of(reading: Reading, actor: Actor, filters: Mapping[str, Any], limit: int, cursor: str | None) -> Page:
    """A page of the incidents that the actor may see, drills among them unless told otherwise. Raises Invalid."""
    most(limit, MOST_INCIDENTS)
    wanted = narrowed(reading, actor, {"exercise": "include", **filters})
    try:
        return reading.page(wanted, limit, cursor)
    except ValueError as error:
        raise Invalid("invalid_input", "the cursor is not one of ours", field="cursor", rule="cursor") from error


def recommendations(reading: Reading, actor: Actor, incident: str) -> View:
    """Every team considered for an incident: ranked, or the reasons why not."""
    found = find(reading, actor, incident)
    teams = reading.teams()
    outcomes = recommend(Need.of(found, reading.now), teams)
    names = {team.id: team.name_zh for team in teams}
    shortfall = None if any(outcome.rank for outcome in outcomes) else "no_candidates" if not teams else "nobody_fit"
    return {
        "incident_id": str(found.id), "centre_code": found.centre_code, "skills": list(found.required_skills),
        "candidates": [candidate_view(outcome, names) for outcome in outcomes], "shortfall": shortfall,
    }  # fmt: skip


def likely_duplicates(reading: Reading, actor: Actor, draft: Mapping[str, Any]) -> View:
    """Open incidents that look like a draft, every field of which may be missing. Changes nothing."""
    told = dict(draft)
    occurred_at = moment(told.pop("occurred_at", None), "draft.occurred_at") or reading.now
    data = {**_DEFAULTS, **check(_DRAFT, told)}
    report = Report(occurred_at, reading.now, actor.subject, actor.client)
    if data["category"] not in codes.CATEGORIES:
        raise Invalid("invalid_input", "there is no such category", field="draft.category", rule="one_of")
    return {"likely_duplicates": intake.likely_duplicates(intake.draft_of(data, reading.places), report, reading)}


def get_team(reading: Reading, actor: Actor, team: str) -> View:
    """One team by id or call sign. Raises NotFound `unknown_team`, also for one outside the actor's jurisdiction."""
    team_id = team_id_of(team)
    found = next((each for each in reading.teams() if each.id == team_id or each.call_sign == team), None)
    if found is None or not _grids(reading).get(found.centre_code, "").startswith(actor.jurisdiction):
        raise NotFound("unknown_team", f"there is no team {team}", field="team")
    return team_views(reading, [found])[0]


def list_teams(
    reading: Reading,
    actor: Actor,
    *,
    prefix: str = "",
    centre: str | None = None,
    kind: str | None = None,
    available: bool | None = None,
) -> View:
    """Teams by call sign; `prefix` is of the grid that their centre answers for."""
    grids = _grids(reading)
    wanted = within(actor, prefix)
    teams = [
        team
        for team in reading.teams()
        if grids.get(team.centre_code, "").startswith(wanted)
        and centre in (None, team.centre_code)
        and kind in (None, team.kind)
    ]
    views = team_views(reading, teams)
    return {"teams": [view for view in views if available in (None, view["available"])]}


def list_centres(reading: Reading, actor: Actor, prefix: str = "") -> View:
    """Centres with what lies on their desks."""
    wanted, places, on_desk = within(actor, prefix), reading.places, reading.open_by_centre()
    centres = sorted((each for each in places.centres if not each.retired), key=lambda each: each.code)
    return {
        "centres": [
            {
                "code": each.code, "name_zh": each.name_zh, "name_en": each.name_en or None, "kind": each.kind,
                "grid_code": each.grid_code, "lat": each.lat, "lon": each.lon,
                "on_shift": each.on_shift(reading.now, places.timezone), "open_incidents": on_desk.get(each.code, 0),
            }
            for each in centres
            if each.grid_code.startswith(wanted)
        ]
    }  # fmt: skip


def _grids(reading: Reading) -> dict[str, str]:
    """The grid that each centre answers for."""
    return {each.code: each.grid_code for each in reading.places.centres}


def find(reading: Reading, actor: Actor, text: str) -> Incident:
    """An incident by id or system:number.

    Raises NotFound `unknown_incident`, also for one outside the actor's jurisdiction.
    """
    found = None
    try:
        ref = IncidentRef.parse(text)
    except ValueError:
        ref = None
    if ref is not None:
        found = reading.find(ref.id) if ref.id is not None else reading.find_reference(ref.system, ref.number)
    if found is None or not found.jurisdiction.startswith(actor.jurisdiction):
        raise NotFound("unknown_incident", f"there is no incident {text}", field="incident")
    return found


def incident_views(reading: Reading, incidents: Sequence[Incident]) -> list[View]:
    """Several incidents with what their views need, fetched at once."""
    ids = [incident.id for incident in incidents]
    heads, under = reading.chain_heads(ids), reading.duplicate_ids(ids)
    signs = reading.call_signs({assignment.team_id for incident in incidents for assignment in incident.assignments})
    return [
        incident_view(each, chain=heads[each.id], call_signs=signs, duplicates=under.get(each.id, ()))
        for each in incidents
    ]


def team_views(reading: Reading, teams: Sequence[Team]) -> list[View]:
    """Several teams with the assignments they are on."""
    on = reading.open_assignments([team.id for team in teams])
    return [team_view(team, reading.now, open_assignments=on.get(team.id, ())) for team in teams]


def narrowed(reading: Reading, actor: Actor, told: Mapping[str, Any]) -> Filters:
    """The filters of a question, within the actor's jurisdiction. Raises Invalid naming the one that is wrong."""
    known = {name: value for name, value in told.items() if value is not None}
    for name in ("since", "until"):
        if name in known:
            known[name] = moment(known[name], name)
    for name, choices in _SEVERAL.items():
        if name in known:
            known[name] = _several(name, known[name], choices)
    if known.get("exercise", "exclude") not in ("exclude", "include", "only"):
        raise Invalid("invalid_input", "exercise is exclude, include or only", field="exercise", rule="one_of")
    if "team" in known:
        known["team"] = UUID(get_team(reading, actor, known["team"])["team_id"])
    if "incident" in known:
        known["incident"] = find(reading, actor, known["incident"]).id
    known["prefix"] = within(actor, known.get("prefix", ""))
    try:
        return Filters(**known)
    except TypeError as error:
        raise Invalid("unknown_field", "there is no such filter", rule="unknown_field") from error


def _several(name: str, told: Any, choices: Collection[Any] | None) -> tuple[Any, ...]:
    """One value, or a list of those that will do. Raises Invalid naming the filter."""
    values = tuple(told) if isinstance(told, list | tuple) else (told,)
    if not 1 <= len(values) <= MOST_CHOICES:
        raise Invalid("invalid_input", f"takes 1 to {MOST_CHOICES} values", field=name, rule="length")
    for value in values:
        if type(value) not in (str, int) or (choices is not None and value not in choices):
            raise Invalid("invalid_input", f"{name} is never {value}", field=name, rule="one_of")
    return values


def within(actor: Actor, prefix: str) -> str:
    """The narrower of what is asked for and what the actor may see; a prefix that nothing has when they do not meet."""
    if prefix.startswith(actor.jurisdiction):
        return prefix
    return actor.jurisdiction if actor.jurisdiction.startswith(prefix) else "outside"


def moment(text: str | datetime | None, field: str) -> datetime | None:
    """An RFC 3339 time in a question. Raises Invalid when it is none, or has no offset."""
    if text is None or isinstance(text, datetime):
        return text
    try:
        told = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise Invalid("invalid_input", "must be RFC 3339 with an offset", field=field, rule="date_time") from error
    if told.tzinfo is None:
        raise Invalid("invalid_input", "must be RFC 3339 with an offset", field=field, rule="date_time")
    return told.astimezone(UTC)


def most(limit: int, largest: int) -> None:
    """Raises Invalid unless `limit` is a whole number from 1 to `largest`."""
    if type(limit) is not int or not 1 <= limit <= largest:
        raise Invalid("invalid_input", f"limit is a whole number from 1 to {largest}", field="limit", rule="range")
