"""Our codes in the words of the EIDO registries (NENA-STA-021.1, chapter 3). tests/contract holds the registries."""

from __future__ import annotations

from collections.abc import Mapping

INCIDENT_STATUS = {
    "received": "Active",
    "pushed": "Active",
    "assigned": "ResourcesAssigned",
    "en_route": "ResourcesEnroute",
    "on_scene": "ResourcesOnscene",
    "resolved": "Active",
    "closed": "Closed",
    "archived": "Closed",
    "cancelled": "Cancelled",
    "merged": "Closed",
}
REOPENED = "ReOpened"
ENDED = frozenset({"closed", "archived", "cancelled", "merged"})

UNIT_STATUS = {
    "assigned": ("Assigned",),
    "accepted": ("Assigned", "AcknowledgedTransmission"),
    "en_route": ("EnRoute",),
    "on_scene": ("OnScene",),
    "cleared": ("Cleared",),
    "refused": ("AssignmentCancelled",),
    "expired": ("AssignmentCancelled",),
    "withdrawn": ("AssignmentCancelled",),
}
ON_IT = frozenset({"assigned", "accepted", "en_route", "on_scene"})

COMMON_PRIORITY = {1: 10, 2: 6, 3: 3}
"""EIDO counts from 0 to 10, the highest; ours from 1, the highest, to 3."""

RESOURCE_TYPE = {
    "patrol": "PatrolUnit",
    "fire": "StructureFireEngineType1",
    "medical": "GroundBLSAmbulance",
    "mediation": "CrisisInterventionUnit",
    "inspection": "Investigator",
    "grid": "CommunityPolicingUnit",
    "support": "MobileSupportVehicle",
}
UNKNOWN_RESOURCE_TYPE = RESOURCE_TYPE["grid"]
"""For a team whose details the reader may not see: the registry has no word for "unknown"."""

RESOURCE_ATTRIBUTE = {
    "fire": "Firefighter",
    "medical": "EMT",
    "rescue": "ExtricationEquipmentBasic",
    "water_rescue": "SwiftwaterRescueTech",
    "hazmat": "HazMatOfficer",
    "search": "MountainSearchandRescueTech",
    "negotiation": "CrisisInterventionSpecialist",
}
OTHER_ATTRIBUTE = "Other"
"""A skill the registry does not name; EIDO then asks for our own word beside it."""


def primary_unit_status(state: str, team: Mapping[str, object] | None) -> str:
    """May this team be sent elsewhere? Unknown counts as no."""
    if team is None or not team.get("available"):
        return "NotAvailable"
    return "ConditionallyAvailable" if state in ON_IT else "Available"
