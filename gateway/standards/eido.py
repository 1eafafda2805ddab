"""An incident as an Emergency Incident Data Object (NENA-STA-021.1, EIDO 1.0): a pure function of what dispatch tells.

Components refer to one another by `$id`; identifiers and registry words follow chapters 2 and 3 of the standard. Nobody
is in it: no caller, no callback, no member of a team (docs/decisions/0040).
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from contracts.dispatch import codes
from gateway.standards.eido_codes import COMMON_PRIORITY, ENDED, INCIDENT_STATUS, REOPENED
from gateway.standards.eido_frame import Frame, ref
from gateway.standards.eido_units import dispatches, resources
from gateway.standards.facts import View, facts_of
from gateway.standards.pidf import location_object

EIDO_VERSION = "1.0"
EXERCISE = "演练，非真实警情 · Exercise, not a real incident"


def eido(incident: View, teams: Mapping[str, View], agency: str) -> dict[str, Any]:
    """The object of one incident view (contracts.dispatch.queries.Incident, with its timeline where it is known).

    `teams` holds the team views by team id, as far as the reader may see them; `agency` is the county's domain name.
    """
    frame = Frame(incident, agency)
    places, notes, units = _places(frame, incident), _notes(frame, incident), resources(frame, incident, teams)
    found = frame.component(
        frame.tracking(frame.incident_id),
        eidoVersion=EIDO_VERSION,
        issuingElementIdentification=f"wangge.{agency}",
        agencyComponent=_agencies(frame),
        agentComponent=_agents(frame),
        incidentComponent=_incident(frame, incident, places, notes),
    )
    lists = {
        "locationComponent": places, "notesComponent": notes, "emergencyResourceComponent": units,
        "dispatchComponent": dispatches(frame, units), "mergeComponent": _merges(frame, incident),
    }  # fmt: skip
    return {**found, **{name: components for name, components in lists.items() if components}}


def _agencies(frame: Frame) -> list[dict[str, Any]]:
    county_roles = ["CallReceiving"] if frame.centre != frame.agency else ["CallReceiving", "Dispatching"]
    roles = {
        frame.agency: county_roles,
        frame.centre: ["Dispatching"] if frame.centre != frame.agency else county_roles,
    }
    return [
        frame.component(
            name, agencyRoleDescriptionRegistryText=role, agencyType=["psap"],
            incidentOwningAgencyIndicator=name == frame.centre,
        )
        for name, role in roles.items()
    ]  # fmt: skip


def _agents(frame: Frame) -> list[dict[str, Any]]:
    return [
        frame.component(frame.desk(name), agentRoleRegistryText=[role], agencyReference=ref(name))
        for name, role in {frame.agency: "Call Taking", frame.centre: "Dispatching"}.items()
    ]


def _incident(
    frame: Frame, incident: View, places: list[dict[str, Any]], notes: list[dict[str, Any]]
) -> dict[str, Any]:
    category, reference = codes.CATEGORIES[incident["category"]], incident.get("reference")
    state, priority = incident["state"], incident["priority"]
    return frame.component(
        frame.identifier("incident"),
        incidentTypeCommonRegistryText=category.apco,
        incidentTypeInternalCode=category.code,
        incidentTypeInternalText=f"{category.zh} · {category.en}",
        incidentStatusCommonRegistryText=_status(incident),
        incidentStatusInternalText=[state],
        internalIncidentId=frame.incident_id,
        documentIdentification=[f"{reference['system']}:{reference['number']}"] if reference else None,
        incidentPriorityInternalText=str(priority),
        incidentCommonPriorityNumber=COMMON_PRIORITY[priority],
        beatOrDispatchGroupText=incident.get("grid_code"),
        agentReference=[ref(frame.desk(frame.centre))],
        locationReference=[ref(each["$id"]) for each in places] or None,
        notesReference=[ref(each["$id"]) for each in notes] or None,
        dispositionComponent=_dispositions(frame, incident) or None,
    )


def _status(incident: View) -> list[str]:
    again = incident["state"] not in ENDED and any(fact == "reopened" for fact, _ in facts_of(incident))
    return [*([REOPENED] if again else []), INCIDENT_STATUS[incident["state"]]]


def _dispositions(frame: Frame, incident: View) -> list[dict[str, Any]]:
    code = incident.get("disposition")
    if not code:
        return []
    label = codes.DISPOSITIONS[code]
    return [
        frame.component(
            frame.identifier("disposition"), dispositionCommonRegistryCode=code, dispositionPrimaryIndicator=True,
            dispositionDescriptionText=f"{label.zh} · {label.en}",
        )
    ]  # fmt: skip


def _places(frame: Frame, incident: View) -> list[dict[str, Any]]:
    known = incident.get("lat") is not None and incident.get("lon") is not None
    point = (incident["lat"], incident["lon"]) if known else None
    words = incident.get("address") or (incident.get("grid_code") if point is None else None)
    place = location_object(f"incident@{frame.agency}", point=point, words=words)
    if place is None:
        return []
    grid = incident.get("grid_code")
    return [
        frame.component(
            frame.identifier("location"), locationTypeDescriptionRegistryText="CurrentIncident",
            locationByValue=place, localIdentifier=[grid] if grid else None,
        )
    ]  # fmt: skip


def _notes(frame: Frame, incident: View) -> list[dict[str, Any]]:
    """Notes are HTML by the standard, so our plain text is escaped."""
    texts = {"exercise": EXERCISE if incident["exercise"] else None, "summary": incident.get("summary")}
    return [
        frame.component(frame.identifier(f"note-{name}"), notesActionComments=html.escape(text))
        for name, text in texts.items()
        if text
    ]


def _merges(frame: Frame, incident: View) -> list[dict[str, Any]]:
    """Of a merge: the old incidents are REPLACED, the one that goes on is REPLACING."""
    merged = [(other, "REPLACED") for other in incident.get("duplicates", ())]
    if incident.get("merged_into"):
        merged.append((incident["merged_into"], "REPLACING"))
    return [
        frame.component(
            frame.identifier(f"merge-{other}"), incidentTrackingIdentifier=frame.tracking(other),
            incidentMergeDirectionCode=direction,
        )
        for other, direction in merged
    ]  # fmt: skip
