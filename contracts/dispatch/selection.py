"""Incidents in part: the members that a caller of lists and exports may choose among, and the page they come in.

`stamps.<stage>` chooses one stamp. The first times of teams stand here beside the view's own members, because nobody
who chooses a few columns wants to look for them in the assignments.
"""

from copy import deepcopy
from typing import Any

from contracts.dispatch import parts
from contracts.dispatch.queries import Incident
from contracts.fields import Many, Message, Part, Text

STAMPS = ("received", "pushed", "acknowledged", "resolved", "fed_back", "closed", "archived", "cancelled", "reopened")
"""Stages whose stamps belong to the incident itself and not to a team on it."""


def _optional(field: Any) -> Any:
    copied = deepcopy(field)
    copied.required = False
    return copied


def _members() -> dict[str, Any]:
    """Those of the whole view, none of which must be there. The timeline is asked for one incident at a time."""
    whole = Incident().fields
    return {name: _optional(Incident._declared_fields[name]) for name in whole if name != "timeline"}  # noqa: SLF001


class FirstTimes(Message):
    """When teams first did something about an incident, effective: after the last correction."""

    first_assigned_at = parts.moment("First team assigned", allow_none=True, optional=True)
    first_departed_at = parts.moment("First team on its way", allow_none=True, optional=True)
    first_on_scene_at = parts.moment("First team on the scene", allow_none=True, optional=True)


IncidentPart = type(
    "IncidentPart",
    (FirstTimes,),
    {**_members(), "__doc__": "The members of an incident that were asked for.", "__module__": __name__},
)

SELECTABLE: tuple[str, ...] = (
    *(name for name in IncidentPart().fields if name != "withheld"),
    *(f"stamps.{stage}" for stage in STAMPS),
)
"""Every name that `fields` takes."""


class IncidentPartPage(Message):
    """A page of incidents in part."""

    incidents = Many(Part(IncidentPart, "An incident, in part"), "Newest first", most=200)
    next_cursor = Text("Where the next page starts; null on the last", most=200, example="MDE5MGEwYzI", allow_none=True)
