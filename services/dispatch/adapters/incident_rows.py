"""An incident and its assignments as rows, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import orjson

from services.dispatch.adapters import bulk
from services.dispatch.adapters import json_records as records
from services.dispatch.domain.assignment import Assignment, Roster
from services.dispatch.domain.clocks import Clockwork
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.policy import PolicyBook
from services.dispatch.domain.states import AssignmentState, IncidentState

# What an incident is when it comes in, and stays.
FIXED = (
    ("incident_id", "uuid"), ("reference_system", "text"), ("reference_number", "text"), ("source", "text"),
    ("summary", "text"), ("lat", "double precision"), ("lon", "double precision"), ("address", "text"),
    ("grid_code", "text"), ("jurisdiction", "text"), ("exercise", "boolean"), ("policy_id", "text"),
    ("policy_version", "integer"), ("category", "text"), ("kind", "text"), ("priority", "smallint"),
    ("alarm_level", "smallint"),
)  # fmt: skip
# What its commands change.
MOVING = (
    ("state", "text"), ("centre_code", "text"), ("backfill", "boolean"), ("received_at", "timestamptz"),
    ("pushed_at", "timestamptz"), ("acknowledged_at", "timestamptz"), ("first_assigned_at", "timestamptz"),
    ("first_departed_at", "timestamptz"), ("first_on_scene_at", "timestamptz"), ("resolved_at", "timestamptz"),
    ("fed_back_at", "timestamptz"), ("closed_at", "timestamptz"), ("archived_at", "timestamptz"),
    ("merged_into", "uuid"), ("version", "integer"), ("chain_head", "bytea"), ("stamps", "json"),
    ("clocks", "json"), ("facts", "json"),
)  # fmt: skip
DOCUMENTS = frozenset({"stamps", "clocks", "facts"})
ASSIGNMENT_FIXED = (
    ("assignment_id", "uuid"), ("incident_id", "uuid"), ("team_id", "uuid"), ("seq", "integer"),
    ("centre_code", "text"),
)  # fmt: skip
ASSIGNMENT_MOVING = (
    ("state", "text"), ("assigned_at", "timestamptz"), ("accepted_at", "timestamptz"), ("departed_at", "timestamptz"),
    ("arrived_at", "timestamptz"), ("cleared_at", "timestamptz"), ("stamps", "json"), ("facts", "json"),
)  # fmt: skip

# Columns to build the aggregate from, in the order `to_incident` takes them.
SELECTED = (
    "incident_id, policy_id, policy_version, source, category, kind, priority, alarm_level, lat, lon, grid_code,"
    " jurisdiction, exercise, backfill, version, state, reference_system, reference_number, summary, address,"
    " centre_code, chain_head, stamps::text, clocks::text, facts::text"
)
ASSIGNMENT_SELECTED = "assignment_id, incident_id, team_id, seq, centre_code, state, stamps::text, facts::text"
# Fields with a column or a reader of their own, and those that live for one transaction only.
_INCIDENT_MAPPED = {
    *(name for name, _ in (*FIXED, *MOVING)), "id", "policy", "flags", "required_skills", "past_stamps", "notes",
    "merge", "absorbed", "roster", "clockwork", "is_new", "events", "deadlines", "breaches",
}  # fmt: skip
_ASSIGNMENT_MAPPED = {
    "id",
    *(name for name, _ in (*ASSIGNMENT_FIXED, *ASSIGNMENT_MOVING)),
    "answer_due_at",
    "revived_at",
    "skills",
}
# Every other field is plain JSON. A row written before a field existed leaves it at its default.
_PLAIN = tuple(each.name for each in fields(Incident) if each.name not in _INCIDENT_MAPPED)
_ASSIGNMENT_PLAIN = tuple(each.name for each in fields(Assignment) if each.name not in _ASSIGNMENT_MAPPED)


def fixed(incident: Incident) -> dict[str, Any]:
    """A row of `FIXED`."""
    return {
        "incident_id": incident.id,
        "reference_system": incident.reference_system,
        "reference_number": incident.reference_number,
        "source": incident.source,
        "summary": incident.summary,
        "lat": incident.lat,
        "lon": incident.lon,
        "address": incident.address,
        "grid_code": incident.grid_code,
        "jurisdiction": incident.jurisdiction,
        "exercise": incident.exercise,
        "policy_id": incident.policy.id,
        "policy_version": incident.policy.version,
        "category": incident.category,
        "kind": incident.kind,
        "priority": incident.priority,
        "alarm_level": incident.alarm_level,
    }


def moving(incident: Incident, chain_head: bytes) -> dict[str, Any]:
    """A row of `MOVING` without its JSON columns, with its key."""
    at = {stage: stamp.effective for stage, stamp in incident.stamps.items()}
    return {
        "incident_id": incident.id,
        "state": incident.state,
        "centre_code": incident.centre_code,
        "backfill": incident.backfill,
        "received_at": at["received"],
        "pushed_at": at.get("pushed"),
        "acknowledged_at": at.get("acknowledged"),
        "first_assigned_at": incident.first_assigned_at,
        "first_departed_at": incident.first_departed_at,
        "first_on_scene_at": incident.first_on_scene_at,
        "resolved_at": at.get("resolved"),
        "fed_back_at": at.get("fed_back"),
        "closed_at": at.get("closed"),
        "archived_at": at.get("archived"),
        "merged_into": incident.merged_into,
        "version": incident.version,
        "chain_head": bulk.bytea(chain_head),
    }


def documents(incident: Incident) -> tuple[bytes, bytes, bytes]:
    """The JSON columns: stamps, clocks, facts. The same aggregate gives the same bytes."""
    return (
        records.stamps_json(incident.stamps),
        records.clocks_json(incident.clockwork.clocks),
        orjson.dumps(_facts_of(incident)),
    )


def _facts_of(incident: Incident) -> dict[str, Any]:
    return {
        **{name: getattr(incident, name) for name in _PLAIN},
        "flags": incident.flags,
        "required_skills": incident.required_skills,
        "past_stamps": records.past_stamp_lists(incident.past_stamps),
        "notes": incident.notes,
        "merge": incident.merge,
        "absorbed": records.absorbed_objects(incident.absorbed),
        "brings": {str(key): each.brings for key, each in incident.absorbed.items()},
    }


def to_incident(row: tuple[Any, ...], policies: PolicyBook, assignments: list[Assignment]) -> Incident:
    """The aggregate of one row of `SELECTED`; `assignments` in order of `seq`."""
    (
        incident_id, policy_id, policy_version, source, category, kind, priority, alarm_level, lat, lon, grid_code,
        jurisdiction, exercise, backfill, version, state, reference_system, reference_number, summary, address,
        centre_code, _chain_head, stamps, clocks, more,
    ) = row  # fmt: skip
    return Incident(
        id=incident_id, policy=policies.get(policy_id, policy_version), source=source, category=category,
        kind=kind, priority=priority, alarm_level=alarm_level, lat=lat, lon=lon, grid_code=grid_code,
        jurisdiction=jurisdiction, exercise=exercise, backfill=backfill, version=version, state=IncidentState(state),
        reference_system=reference_system, reference_number=reference_number, summary=summary, address=address,
        centre_code=centre_code, stamps=records.stamps(stamps),
        clockwork=Clockwork(records.clocks(clocks)), roster=Roster(assignments), **_facts(orjson.loads(more)),
    )  # fmt: skip


def _facts(raw: Mapping[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {name: raw[name] for name in _PLAIN if name in raw}
    known["flags"] = list(raw["flags"])
    known["required_skills"] = tuple(raw["required_skills"])
    known["past_stamps"] = records.past_stamps(raw["past_stamps"])
    known["notes"] = records.notes(raw["notes"])
    known["merge"] = records.merge(raw["merge"])
    known["absorbed"] = records.absorbed(raw["absorbed"], raw.get("brings", {}))
    return known


def assignment_row(assignment: Assignment) -> dict[str, Any]:
    """A row of `ASSIGNMENT_FIXED` and `ASSIGNMENT_MOVING`."""
    at = assignment.at
    return {
        "assignment_id": assignment.id,
        "incident_id": assignment.incident_id,
        "team_id": assignment.team_id,
        "seq": assignment.seq,
        "centre_code": assignment.centre_code,
        "state": assignment.state,
        "assigned_at": at("assigned"),
        "accepted_at": at("accepted"),
        "departed_at": at("departed"),
        "arrived_at": at("arrived"),
        "cleared_at": at("cleared"),
        "stamps": orjson.Fragment(records.stamps_json(assignment.stamps)),
        "facts": {
            **{name: getattr(assignment, name) for name in _ASSIGNMENT_PLAIN},
            "answer_due_at": assignment.answer_due_at,
            "revived_at": assignment.revived_at,
            "skills": assignment.skills,
        },
    }


def to_assignment(row: Sequence[Any]) -> Assignment:
    """The assignment of one row of `ASSIGNMENT_SELECTED`."""
    assignment_id, incident_id, team_id, seq, centre_code, state, stamps, facts = row
    more = orjson.loads(facts)
    skills = more.get("skills")
    return Assignment(
        id=assignment_id, incident_id=incident_id, team_id=team_id, seq=seq, centre_code=centre_code,
        state=AssignmentState(state), stamps=records.stamps(stamps),
        answer_due_at=records.moment(more["answer_due_at"]), revived_at=records.moment(more["revived_at"]),
        skills=None if skills is None else tuple(skills),
        **{name: more[name] for name in _ASSIGNMENT_PLAIN if name in more},
    )  # fmt: skip
