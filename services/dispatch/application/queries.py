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
from contracts.dispatch.command_data import DraftIncident
from contracts.rights.roles import COUNTY
from services.dispatch.application import intake
from services.dispatch.application.access import SEE, SEE_TEAM, Access, held
from services.dispatch.application.context import IncidentRef, team_id_of
from services.dispatch.application.ports import Actor, Filters, Page, Reading
from services.dispatch.application.views import View, candidate_view, incident_view, team_view
from services.dispatch.application.withholding import shown, shown_team
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
_DRAFT = DraftIncident()
_DEFAULTS: Mapping[str, Any] = {"source": "system", "category": "other", "alarm_level": 1, "exercise": False}


def get_incident(reading: Reading, actor: Actor, incident: str, include: Collection[str] = ()) -> View:
    """One incident, with its timeline when `include` names it. Raises NotFound `unknown_incident`."""
    access = Access(actor, reading.teams_of)
    found = find(reading, access, incident)
    view = incident_views(reading, [found])[0]
    if "timeline" in include:
        view["timeline"] = reading.timeline(found.id)
    return shown(access, found, view)


def get_answer(reading: Reading, actor: Actor, key: str) -> View:
    """What this caller was answered to a key, without the views that an answer may carry."""
    answer = reading.answered(actor.owner, key)
    result = None if answer is None else answer.get("result")
    if result is not None:
        result = {name: value for name, value in result.items() if name not in ("incident", "team")}
    return {"known": answer is not None, "result": result, "problem": None if answer is None else answer.get("problem")}


def list_incidents(
    reading: Reading, actor: Actor, filters: Mapping[str, Any], limit: int = 50, cursor: str | None = None
) -> View:
    """A page of incidents, newest first. Raises Invalid for a bad limit, cursor or filter."""
    access = Access(actor, reading.teams_of)
    page = page_of(reading, access, filters, limit, cursor)
    return {"incidents": shown_views(reading, access, page.incidents), "next_cursor": page.next_cursor}


def page_of(reading: Reading, access: Access, filters: Mapping[str, Any], limit: int, cursor: str | None) -> Page:
    """A page of the incidents that the actor may see, drills among them unless told otherwise. Raises Invalid."""
    most(limit, MOST_INCIDENTS)
    wanted = narrowed(reading, access, SEE, {"exercise": "include", **filters})
    try:
        return reading.page(wanted, limit, cursor)
    except ValueError as error:
        raise Invalid("invalid_input", "the cursor is not one of ours", field="cursor", rule="cursor") from error


def recommendations(reading: Reading, actor: Actor, incident: str) -> View:
    """Every team considered for what an incident needs now: ranked, first those that `auto` would send, or why not."""
    found = find(reading, Access(actor, reading.teams_of), incident, "incident.recommend")
    teams, need = reading.teams(), Need.of(found, reading.now)
    outcomes = recommend(need, teams)
    names = {team.id: team.name_zh for team in teams}
    shortfall = None if any(outcome.rank for outcome in outcomes) else "no_candidates" if not teams else "nobody_fit"
    brought = {skill for outcome in outcomes if outcome.chosen for skill in outcome.brings}
    return {
        "incident_id": str(found.id), "centre_code": found.centre_code, "skills": list(need.skills),
        "candidates": [candidate_view(outcome, names) for outcome in outcomes], "shortfall": shortfall,
        "missing_skills": [skill for skill in need.skills if skill not in brought],
    }  # fmt: skip


def likely_duplicates(reading: Reading, actor: Actor, draft: Mapping[str, Any]) -> View:
    """Open incidents that look like a draft, every field of which may be missing. Changes nothing."""
    told = dict(draft)
    occurred_at = moment(told.pop("occurred_at", None), "draft.occurred_at") or reading.now
    data = {**_DEFAULTS, **check(_DRAFT, told)}
    access = Access(actor, reading.teams_of)
    held(actor, "incident.compare")
    report = Report(occurred_at, reading.now, actor.subject, actor.client)
    if data["category"] not in codes.CATEGORIES:
        raise Invalid("invalid_input", "there is no such category", field="draft.category", rule="one_of")
    seen = intake.Seen(reading, access)
    return {"likely_duplicates": intake.likely_duplicates(intake.draft_of(data, reading.places), report, seen)}


def get_team(reading: Reading, actor: Actor, team: str) -> View:
    """One team by id or call sign. Raises NotFound `unknown_team`, also for one outside the actor's jurisdiction."""
    team_id = team_id_of(team)
    found = next((each for each in reading.teams() if each.id == team_id or each.call_sign == team), None)
    held(actor, SEE_TEAM)
    absent = NotFound("unknown_team", f"there is no team {team}", field="team")
    if found is None:
        raise absent
    access, grid = Access(actor, reading.teams_of), _grids(reading).get(found.centre_code, "")
    access.permit_team(SEE_TEAM, found, grid, absent)
    return shown_team(access, found, grid, team_views(reading, [found])[0])


def list_teams(
    reading: Reading,
    actor: Actor,
    *,
    prefix: str = "",
    centre: str | None = None,
    kind: str | None = None,
    available: bool | None = None,
    ids: Collection[str] | None = None,
) -> View:
    """Teams by call sign; `prefix` is of the grid that their centre answers for; `ids` of which they are some."""
    held(actor, SEE_TEAM)
    access, grids = Access(actor, reading.teams_of), _grids(reading)
    teams = [
        team
        for team in reading.teams()
        if (grid := grids.get(team.centre_code, "")).startswith(prefix)
        and access.reaches_team(SEE_TEAM, team, grid)
        and centre in (None, team.centre_code)
        and kind in (None, team.kind)
        and (ids is None or str(team.id) in ids)
    ]
    views = [
        shown_team(access, team, grids.get(team.centre_code, ""), view)
        for team, view in zip(teams, team_views(reading, teams), strict=True)
    ]
    return {"teams": [view for view in views if available in (None, view["available"])]}


def get_teams(reading: Reading, actor: Actor, teams: Collection[str]) -> View:
    """Teams by id, without those that the actor may not see: who asks for something else was denied nothing."""
    return list_teams(reading, actor, ids=teams)


def list_centres(reading: Reading, actor: Actor, prefix: str = "") -> View:
    """Centres with what lies on their desks."""
    reach, places, on_desk = held(actor, "centre.read"), reading.places, reading.open_by_centre()
    centres = sorted((each for each in places.centres if not each.retired), key=lambda each: each.code)
    return {
        "centres": [
            {
                "code": each.code, "name_zh": each.name_zh, "name_en": each.name_en or None, "kind": each.kind,
                "grid_code": each.grid_code, "lat": each.lat, "lon": each.lon,
                "on_shift": each.on_shift(reading.now, places.timezone), "open_incidents": on_desk.get(each.code, 0),
            }
            for each in centres
            if each.grid_code.startswith(prefix) and (COUNTY in reach or actor.covers(each.grid_code))
        ]
    }  # fmt: skip


def _grids(reading: Reading) -> dict[str, str]:
    """The grid that each centre answers for."""
    return {each.code: each.grid_code for each in reading.places.centres}


def find(reading: Reading, access: Access, text: str, permission: str = SEE) -> Incident:
    """An incident by id or system:number. Raises NotFound `unknown_incident`, Hidden in the same words, Forbidden."""
    held(access.actor, permission)
    absent = NotFound("unknown_incident", f"there is no incident {text}", field="incident")
    try:
        ref = IncidentRef.parse(text)
    except ValueError:
        raise absent from None
    found = reading.find(ref.id) if ref.id is not None else reading.find_reference(ref.system, ref.number)
    if found is not None:
        return access.permit(permission, found, text, "incident")
    hidden = reading.elsewhere(ref.id, ref.system, ref.number)
    if hidden is not None:
        # The wall hid it: it stays hidden, whatever the code would have decided.
        raise access.hidden(permission, hidden, absent)
    raise absent


def incident_views(reading: Reading, incidents: Sequence[Incident]) -> list[View]:
    """Several incidents with what their views need, fetched at once."""
    ids = [incident.id for incident in incidents]
    heads, under = reading.chain_heads(ids), reading.duplicate_ids(ids)
    signs = reading.call_signs({assignment.team_id for incident in incidents for assignment in incident.assignments})
    return [
        incident_view(each, chain=heads[each.id], call_signs=signs, duplicates=under.get(each.id, ()))
        for each in incidents
    ]


def shown_views(reading: Reading, access: Access, incidents: Sequence[Incident]) -> list[View]:
    """`incident_views`, each as the actor may see it."""
    views = incident_views(reading, incidents)
    return [shown(access, each, view) for each, view in zip(incidents, views, strict=True)]


def team_views(reading: Reading, teams: Sequence[Team]) -> list[View]:
    """Several teams with the assignments they are on."""
    on = reading.open_assignments([team.id for team in teams])
    return [team_view(team, reading.now, open_assignments=on.get(team.id, ())) for team in teams]


def narrowed(reading: Reading, access: Access, permission: str, told: Mapping[str, Any]) -> Filters:
    """The filters of a question, within what the permission lets the actor see.

    Raises Forbidden, and Invalid naming the filter that is wrong.
    """
    sight = access.sight(permission)
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
        known["team"] = UUID(get_team(reading, access.actor, known["team"])["team_id"])
    if "incident" in known:
        known["incident"] = find(reading, access, known["incident"]).id
    try:
        return Filters(**known, sight=sight)
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
