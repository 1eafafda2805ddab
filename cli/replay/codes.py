"""The open data set's words in this project's codes."""

from __future__ import annotations

CATEGORIES = {
    "Medical Incident": "medical",
    "Structure Fire": "structure_fire",
    "Alarms": "fire_alarm",
    "Traffic Collision": "traffic_collision",
    "Outside Fire": "outside_fire",
    "Vehicle Fire": "vehicle_fire",
    "Citizen Assist / Service Call": "citizen_assist",
    "Elevator / Escalator Rescue": "elevator_rescue",
    "Electrical Hazard": "electrical_hazard",
    "Gas Leak (Natural and LP Gases)": "gas_leak",
    "Confined Space / Structure Collapse": "confined_space",
    "Water Rescue": "water_rescue",
    "Odor (Strange / Unknown)": "odor",
    "Fuel Spill": "fuel_spill",
    "Smoke Investigation (Outside)": "smoke_outside",
    "HazMat": "hazmat",
    "Industrial Accidents": "work_accident",
}
"""Call types as the file writes them; any other is `other`."""

PRIORITIES = {"E": 1, "3": 1, "C": 2, "D": 2, "2": 2}
"""The file's priorities: E and 3 are life-threatening emergencies, 2 is not; A, B and 1 are the lowest."""

DISPOSITIONS = {
    "Fire": "27",
    "Code 2 Transport": "45",
    "Code 3 Transport": "45",
    "Medical Examiner": "39",
    "No Merit": "02",
    "Cancelled": "32",
    "Unable to Locate": "14",
    "Gone on Arrival": "14",
    "SFPD": "15",
    "CHP": "15",
    "Patient Declined Transport": "42",
    "Against Medical Advice": "42",
}
"""Final dispositions as codes of APCO ANS 1.111.2; any other is 30, information."""

TEAM_KINDS = {
    "ENGINE": ("fire", ["fire", "medical"]),
    "TRUCK": ("fire", ["fire", "rescue"]),
    "CHIEF": ("fire", ["fire"]),
    "RESCUE SQUAD": ("fire", ["fire", "rescue", "water_rescue"]),
    "RESCUE CAPTAIN": ("medical", ["medical"]),
    "MEDIC": ("medical", ["medical"]),
    "PRIVATE": ("medical", ["medical"]),
    "INVESTIGATION": ("inspection", ["inspection"]),
}
"""Unit types as team kind and skills; any other is `support` without skills."""


def category_of(call_type: str) -> str:
    """The category code of a call type."""
    return CATEGORIES.get(call_type, "other")


def priority_of(priority: str) -> int:
    """1 (highest) to 3."""
    return PRIORITIES.get(priority, 3)


def disposition_of(disposition: str) -> str:
    """The disposition code of a final disposition."""
    return DISPOSITIONS.get(disposition, "30")


def team_kind_of(unit_type: str) -> tuple[str, list[str]]:
    """Team kind and skills of a unit type."""
    kind, skills = TEAM_KINDS.get(unit_type, ("support", []))
    return kind, list(skills)
