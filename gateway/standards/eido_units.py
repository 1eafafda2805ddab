"""The units of an EIDO: one emergency resource a team, its newest assignment deciding its status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.standards import eido_codes
from gateway.standards.eido_frame import Frame, ref
from gateway.standards.facts import View


def resources(frame: Frame, incident: View, teams: Mapping[str, View]) -> list[dict[str, Any]]:
    """Every team that was ever offered the incident, in the order of the last offer."""
    newest = {assignment["team_id"]: assignment for assignment in incident["assignments"]}
    return [_resource(frame, each, teams.get(team_id)) for team_id, each in newest.items()]


def dispatches(frame: Frame, units: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The one dispatch by the centre that has the incident; none while nobody was sent."""
    if not units:
        return []
    return [
        frame.component(
            frame.identifier("dispatch"),
            agencyReference=ref(frame.centre),
            agentReference=ref(frame.desk(frame.centre)),
            emergencyResourceReference=[ref(unit["$id"]) for unit in units],
        )
    ]


def _resource(frame: Frame, assignment: View, team: View | None) -> dict[str, Any]:
    state, skills = assignment["state"], list(team["skills"]) if team else []
    return frame.component(
        frame.identifier(f"team-{assignment['team_id']}"),
        agentReference=[ref(frame.desk(frame.centre))],
        emergencyResourceName=assignment.get("call_sign"),
        emergencyResourceTypeCommonRegistryText=(
            eido_codes.RESOURCE_TYPE[team["kind"]] if team else eido_codes.UNKNOWN_RESOURCE_TYPE
        ),
        emergencyResourceTypeInternalText=team["kind"] if team else None,
        resourceAttributeRegistryText=_attributes(skills),
        resourceAttributeInternalText=skills or None,
        primaryUnitStatusRegistryText=eido_codes.primary_unit_status(state, team),
        secondaryUnitStatusRegistryText=list(eido_codes.UNIT_STATUS[state]),
        unitStatusInternal=[state],
        activeOnIncidentId=frame.tracking(frame.incident_id) if state in eido_codes.ON_IT else None,
    )


def _attributes(skills: list[str]) -> list[str]:
    words = (eido_codes.RESOURCE_ATTRIBUTE.get(skill, eido_codes.OTHER_ATTRIBUTE) for skill in skills)
    return list(dict.fromkeys(words))
