"""What all components of an EIDO share: identifiers made the standard's way (section 2), and one prologue."""

from __future__ import annotations

from typing import Any

from gateway.standards.facts import View
from gateway.standards.moments import to_the_millisecond


class Frame:
    """What every component of one object carries: identifiers made the standard's way, and one prologue."""

    def __init__(self, incident: View, agency: str) -> None:
        self.agency = agency
        self.incident_id = str(incident["incident_id"])
        self.centre = f"{incident['centre_code'].lower()}.{agency}" if incident.get("centre_code") else agency
        self.updated_at = to_the_millisecond(_last_recorded(incident))

    def tracking(self, incident_id: str) -> str:
        """The Incident Tracking Identifier, globally unique."""
        return f"urn:emergency:uid:incidentid:{incident_id}:{self.agency}"

    def identifier(self, part: str) -> str:
        """The `$id` of a component that has no identifier of its own."""
        return f"urn:emergency:uid:eidodatacomponent:{self.incident_id}-{part}:{self.agency}"

    def desk(self, agency: str) -> str:
        """The agent that stands for whoever is on duty there: a post, never a person."""
        return f"desk@{agency}"

    def component(self, identifier: str, **members: Any) -> dict[str, Any]:
        """A component with its prologue; members that are None are left out."""
        return {
            "$id": identifier,
            "lastUpdateTimeStamp": self.updated_at,
            "updatedByAgencyReference": ref(self.centre),
            "updatedByAgentReference": ref(self.desk(self.centre)),
            **{name: value for name, value in members.items() if value is not None},
        }


def ref(identifier: str) -> dict[str, str]:
    """A reference to another component."""
    return {"$ref": identifier}


def _last_recorded(incident: View) -> str:
    """When we last learnt anything about it; the wire's times sort as texts."""
    stamps = [*incident["stamps"].values()]
    for assignment in incident["assignments"]:
        stamps += assignment["stamps"].values()
    return max(str(each["recorded_at"]) for each in (*stamps, *incident.get("timeline", ())))
