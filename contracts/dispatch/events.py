"""Facts that dispatch tells: ``wangge.dispatch.incident.*.v1`` and ``wangge.dispatch.team.*.v1``.

Thin by rule: ids and codes, never a person, never free text, never where an incident is beyond its grid code (the
envelope's ``jurisdiction``). When it happened is the envelope's ``time``. Free text (notes, reasons in words) is read
over RPC by those who may.
"""

from contracts.dispatch import codes, parts
from contracts.fields import Choice, Flag, Identifier, Many, Measure, Message, Part, Text, Whole
from contracts.names import INCIDENT_FACTS, incident_event, team_event
from contracts.registry import codes as registry_codes

HOLDER_KINDS = ("centre", "team", "grid")


class IncidentEvent(Message):
    """What every incident event carries."""

    incident_id = parts.incident_id()
    state = Choice("State of the incident after this event", codes.STATES, example="pushed")
    exercise = parts.exercise()
    backfill = Flag(
        "True when the incident was reported long after it happened: judged, but wakes nobody", example=False
    )
    chain = Text(
        "Head of the timeline's hash chain after this event, hex SHA-256",
        most=64,
        pattern=r"[0-9a-f]{64}",
        example="0" * 64,
    )
    by = Text("Who did it: an opaque subject id, or a service", most=128, example="dev")
    flags = Many(
        parts.slug("Flag code", "location_unresolved"),
        "What is odd about the stamp or the incident",
        most=16,
        optional=True,
    )


class AssignmentEvent(IncidentEvent):
    """An incident event about one assignment."""

    assignment_id = parts.assignment_id()
    team_id = parts.team_id()


class ClockEvent(IncidentEvent):
    """An incident event about one clock."""

    stage = parts.stage()
    generation = Whole("Which run of the clock, from 1", least=1, example=1)
    holder = Text("Who must act: a centre or grid code, or a team id", most=64, example="C-999999001", allow_none=True)
    holder_kind = Choice("What the holder is", HOLDER_KINDS, example="centre", allow_none=True)
    due_at = parts.moment("When the stage was due")
    target_seconds = Measure("Target of the stage", least=0, most=1e9, unit="s", example=60)


class IncidentReceived(IncidentEvent):
    """An incident was taken in."""

    source = parts.source()
    category = parts.category()
    kind = parts.kind()
    priority = parts.priority()
    alarm_level = parts.alarm_level()
    policy = Text("SLA policy it is judged under", most=64, example="115")
    policy_version = Whole("Version of that policy", least=1, example=1)
    grid_code = parts.grid_code(allow_none=True)
    reference = Part(parts.Reference, "Number in the system it came from", allow_none=True, optional=True)


class SkippedCentre(Message):
    """A centre the push went past."""

    centre_code = parts.centre_code()
    reason = parts.slug("Why", "nobody_on_shift")


class IncidentPushed(IncidentEvent):
    """The incident is on a centre's desk."""

    centre_code = parts.centre_code()
    generation = Whole("Which push, from 1", least=1, example=1, optional=True)
    skipped = Many(
        Part(SkippedCentre, "A centre the push went past"),
        "Centres skipped on the way up, nearest first",
        most=32,
        optional=True,
    )


class IncidentAcknowledged(IncidentEvent):
    """The centre has seen it."""

    centre_code = parts.centre_code(allow_none=True, optional=True)


class TeamAssigned(AssignmentEvent):
    """A team was offered the incident."""

    centre_code = parts.centre_code(allow_none=True)
    attempt = Whole("Which offer of this incident, from 1", least=1, example=1)
    auto = Flag("True when the recommendation chose", example=True, optional=True)
    skills = parts.skills("Skills the incident asks for that it brings; left out when there are none", optional=True)


class AssignmentAccepted(AssignmentEvent):
    """The team took it."""


class AssignmentRefused(AssignmentEvent):
    """The team did not take it; the next one is offered."""


class OfferExpired(AssignmentEvent):
    """The team did not answer in time; the next one is offered."""

    attempt = Whole("Which offer of this incident, from 1", least=1, example=1, optional=True)


class AssignmentWithdrawn(AssignmentEvent):
    """The centre took the assignment back."""


class TeamDeparted(AssignmentEvent):
    """The team is on its way."""


class TeamArrived(AssignmentEvent):
    """The team is on the scene."""

    first = Flag("True for the first team on this incident's scene", example=True)


class TeamCleared(AssignmentEvent):
    """The team is free of the incident."""

    last = Flag("True when no open assignment is left", example=True, optional=True)


class IncidentResolved(IncidentEvent):
    """What needed doing on the scene is done."""

    outcome = Choice("Outcome code", codes.OUTCOMES, example="settled")


class IncidentFedBack(IncidentEvent):
    """The result was told to whoever asked."""

    disposition = Choice("Disposition, APCO ANS 1.111.2", codes.DISPOSITIONS, example="18")


class IncidentClosed(IncidentEvent):
    """Nothing is left to do."""


class IncidentArchived(IncidentEvent):
    """The record is shelved."""


class IncidentCancelled(IncidentEvent):
    """It needed nobody after all."""


class IncidentReopened(IncidentEvent):
    """It needs somebody again; its clocks run anew."""

    generation = Whole("Generation of the new clocks", least=2, example=2, optional=True)


class IncidentMerged(IncidentEvent):
    """This duplicate now stands under another incident."""

    into = Identifier("The incident it stands under (the root)", example="0190a0c2-7e1a-7000-8000-0000000000ab")


class IncidentUnmerged(IncidentEvent):
    """It stands alone again, as it was."""

    out_of = Identifier("The incident it stood under", example="0190a0c2-7e1a-7000-8000-0000000000ab")


class IncidentHandedOver(IncidentEvent):
    """Another service takes the matter further."""

    to = Choice("Who takes it", ["mediation"], example="mediation")
    category = parts.category(optional=True)


class IncidentEscalated(IncidentEvent):
    """One level further up the grid tree answers for it now."""

    from_code = Text(
        "Centre or grid code before; null when nobody held it", most=64, example="C-999999001001", allow_none=True
    )
    to_code = Text("Centre or grid code now", most=64, example="C-999999001")
    level = Choice("Level it has reached", registry_codes.GRID_LEVELS, example="town")
    stage = Choice(
        "Stage whose clock ran out; null when a person asked", codes.STAGES, example="assign", allow_none=True
    )
    reason = parts.slug("Reason code", "breach")


class ClockWarned(ClockEvent):
    """Most of the time is gone (80 % by default)."""


class ClockBreached(ClockEvent):
    """The target was missed."""

    late_by_seconds = Measure(
        "Lateness, where the stage was met late",
        least=0,
        most=1e9,
        unit="s",
        example=12.5,
        optional=True,
        allow_none=True,
    )


class BreachWithdrawn(IncidentEvent):
    """The stage had happened in time after all; the breach stays on the record as withdrawn."""

    stage = parts.stage()
    generation = Whole("Which run of the clock, from 1", least=1, example=1)
    reason = parts.slug("Reason code", "late_report")


class StampCorrected(IncidentEvent):
    """A time was corrected; the first one is kept."""

    stage = parts.slug("Stage whose stamp it is", "arrived")
    assignment_id = parts.assignment_id(allow_none=True, optional=True)
    was = parts.moment("Effective time before", allow_none=True)
    now = parts.moment("Effective time after")


class ContactRead(IncidentEvent):
    """Somebody read the caller's contact details."""

    purpose = Choice("Purpose code", codes.CONTACT_PURPOSES, example="call_back")


class NoteAdded(IncidentEvent):
    """A note was added; its words stay with dispatch."""


class TeamEvent(Message):
    """The whole of a team, so that a reader needs no earlier event."""

    team_id = parts.team_id()
    version = parts.version()
    call_sign = parts.call_sign()
    kind = parts.team_kind()
    centre_code = parts.centre_code()
    skills = Many(parts.skill(), "Skills of the team", most=32)
    capacity = Whole("Incidents at once", least=1, most=20, example=1)
    always_on = Flag("True when no shift list limits it", example=True)
    in_service = Flag("False when it takes no assignments", example=True)


class TeamCreated(TeamEvent):
    """A team was set up."""


class TeamChanged(TeamEvent):
    """A team changed: its crew, skills, shifts, service."""


class TeamMoved(Message):
    """A team on duty is somewhere else. Its members' own whereabouts are never told."""

    team_id = parts.team_id()
    lat = parts.latitude()
    lon = parts.longitude()


_INCIDENT: tuple[type[Message], ...] = (
    IncidentReceived, IncidentPushed, IncidentAcknowledged, TeamAssigned, AssignmentAccepted, AssignmentRefused,
    OfferExpired,
    AssignmentWithdrawn, TeamDeparted, TeamArrived, TeamCleared, IncidentResolved, IncidentFedBack, IncidentClosed,
    IncidentArchived,
    IncidentCancelled, IncidentReopened, IncidentMerged, IncidentUnmerged, IncidentHandedOver, IncidentEscalated,
    ClockWarned,
    ClockBreached, BreachWithdrawn, StampCorrected, ContactRead, NoteAdded,
)  # fmt: skip

SCHEMAS: dict[str, type[Message]] = {
    **{incident_event(fact): schema for fact, schema in zip(INCIDENT_FACTS, _INCIDENT, strict=True)},
    team_event("created"): TeamCreated,
    team_event("changed"): TeamChanged,
    team_event("moved"): TeamMoved,
}
