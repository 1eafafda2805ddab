"""What dispatch answers: views of incidents, teams and clocks, recommendations.

Views are dumped by the service and read tolerantly by the gateway (see `contracts.catalogue`); figures are in
`contracts.dispatch.reports`, what commands answer in `contracts.dispatch.results`.
"""

from contracts.dispatch import codes, parts
from contracts.dispatch.events import HOLDER_KINDS
from contracts.fields import Anything, Choice, Flag, Identifier, Many, Measure, Message, Part, Text, Whole
from contracts.registry import codes as registry_codes


def withheld() -> Many:
    member = Text("A member", most=32, example="address")
    return Many(member, "Members that the reader's roles do not show", most=32, optional=True)


CLOCK_STATES = ("running", "met", "breached", "stopped")


class Correction(Message):
    """A corrected time, kept beside the first."""

    occurred_at = parts.moment("Time after the correction")
    recorded_at = parts.moment("When it was corrected")
    by = Text("Who corrected it, opaque", most=128, example="dev")
    why = Text("Why", most=500, example="车载终端时钟偏差")


class Stamp(Message):
    """One stage with its two clocks."""

    occurred_at = parts.moment("When it happened, effective: after the last correction")
    original = parts.moment("When it happened, as first told", optional=True)
    recorded_at = parts.moment("When we learnt it")
    by = Text("Who told it, opaque", most=128, example="dev")
    source = Text("Through which channel", most=64, example="police", optional=True, allow_none=True)
    flags = Many(parts.slug("Flag code", "stamp_before_previous"), "What is odd about it", most=16)
    corrections = Many(Part(Correction, "A corrected time"), "Corrections, oldest first", most=100)


class Clock(Message):
    """A running, met, breached or stopped clock of an incident."""

    stage = parts.stage()
    generation = Whole("Which run of the clock, from 1", least=1, example=1)
    state = Choice("State of the clock", CLOCK_STATES, example="running")
    started_at = parts.moment("Effective start")
    warn_at = parts.moment("When its holder is warned", allow_none=True, optional=True)
    due_at = parts.moment("When it breaches")
    target_seconds = Measure("Target", least=0, most=1e9, unit="s", example=60)
    met_at = parts.moment("When the stage was met", allow_none=True, optional=True)
    holder = Text("Who must act", most=64, example="C-999999001", allow_none=True, optional=True)
    holder_kind = Choice("What the holder is", HOLDER_KINDS, example="centre", allow_none=True, optional=True)


class Breach(Message):
    """A missed target; withdrawn ones stay on the record."""

    incident_id = parts.incident_id()
    stage = parts.stage()
    generation = Whole("Which run of the clock, from 1", least=1, example=1)
    holder = Text("Who had to act", most=64, example="C-999999001", allow_none=True)
    holder_kind = Choice("What the holder is", HOLDER_KINDS, example="centre", allow_none=True)
    due_at = parts.moment("When it was due")
    recorded_at = parts.moment("When the breach was written")
    target_seconds = Measure("Target", least=0, most=1e9, unit="s", example=60)
    late_by_seconds = Measure(
        "Lateness; null while not met", least=0, most=1e9, unit="s", example=12.5, allow_none=True
    )
    category = parts.category(optional=True)
    priority = parts.priority(optional=True)
    jurisdiction = parts.grid_code(allow_none=True, optional=True)
    exercise = parts.exercise(optional=True)
    backfill = Flag("True when judged on a late-reported incident", example=False, optional=True)
    withdrawn_at = parts.moment("When it was withdrawn", allow_none=True)
    withdrawn_reason = parts.slug("Reason code of the withdrawal", "late_report", allow_none=True)


class Assignment(Message):
    """One team on one incident."""

    assignment_id = parts.assignment_id()
    team_id = parts.team_id()
    call_sign = parts.call_sign(optional=True)
    state = Choice("State of the assignment", codes.ASSIGNMENT_STATES, example="en_route")
    attempt = Whole("Which offer of this incident, from 1", least=1, example=1)
    auto = Flag("True when the recommendation chose", example=True, optional=True)
    skills = parts.skills("Skills the incident asks for that it brings; left out when not known", optional=True)
    centre_code = parts.centre_code(allow_none=True, optional=True)
    answer_due_at = parts.moment("When an unanswered offer moves on", allow_none=True, optional=True)
    stamps = Anything("Stage name to stamp", example={})
    reason = Text("Why it was refused or withdrawn", most=500, example="车辆故障", allow_none=True, optional=True)


class TimelineEntry(Message):
    """One link of the append-only hash chain."""

    seq = Whole("Position, equal to the incident's version", least=1, example=1)
    type = Text("Event type", most=128, example="wangge.dispatch.incident.received.v1")
    occurred_at = parts.moment("When it happened")
    recorded_at = parts.moment("When we learnt it")
    by = Text("Who, opaque", most=128, example="dev")
    body = Anything("What was recorded", example={})
    hash = Text("SHA-256 of the previous hash and this body, hex", most=64, pattern=r"[0-9a-f]{64}", example="0" * 64)


class Incident(Message):
    """The whole view of an incident. The caller's contact is never in it."""

    incident_id = parts.incident_id()
    version = parts.version()
    state = Choice("State", codes.STATES, example="assigned")
    reference = Part(parts.Reference, "Number in the system it came from", allow_none=True, optional=True)
    source = parts.source()
    category = parts.category()
    category_zh = Text("Category in Chinese", most=64, example="急病救助", optional=True)
    category_en = Text("Category in English", most=64, example="Medical emergency", optional=True)
    kind = parts.kind()
    apco = Text("APCO common incident type", most=16, example="SICK", optional=True)
    priority = parts.priority()
    alarm_level = parts.alarm_level()
    summary = Text("What happened", most=2000, least=0, example="演示小区3号楼有人晕倒", allow_none=True, optional=True)
    lat = parts.latitude(allow_none=True, optional=True)
    lon = parts.longitude(allow_none=True, optional=True)
    grid_code = parts.grid_code(allow_none=True)
    address = Text("Address in words", most=200, example="示例路1号", allow_none=True, optional=True)
    masked_phone = Text("The caller's number, masked", most=32, example="138****0000", allow_none=True, optional=True)
    has_contact = Flag("True when sealed contact details exist", example=True, optional=True)
    centre_code = parts.centre_code(allow_none=True)
    level = Choice(
        "Level it has been escalated to",
        registry_codes.GRID_LEVELS,
        example="community",
        allow_none=True,
        optional=True,
    )
    policy = Text("SLA policy", most=64, example="115")
    policy_version = Whole("Its version", least=1, example=1)
    exercise = parts.exercise()
    backfill = Flag("True when reported long after it happened", example=False)
    flags = Many(parts.slug("Flag code", "location_unresolved"), "What is odd about it", most=16)
    merged_into = Identifier("The incident it stands under", example=parts.UUID_EXAMPLE, allow_none=True, optional=True)
    duplicates = Many(
        Identifier("An incident that stands under it", example=parts.UUID_EXAMPLE),
        "Duplicates",
        most=1000,
        optional=True,
    )
    outcome = Choice("Outcome", codes.OUTCOMES, example="settled", allow_none=True, optional=True)
    disposition = Choice("Disposition", codes.DISPOSITIONS, example="18", allow_none=True, optional=True)
    stamps = Anything("Stage name to stamp", example={})
    clocks = Many(Part(Clock, "A clock"), "Clocks", most=200)
    assignments = Many(Part(Assignment, "An assignment"), "Assignments, oldest first", most=200)
    missing_skills = parts.skills(
        "Skills it asks for that nobody brings who is going or was there; none once it is resolved", optional=True
    )
    chain = Text("Head of the hash chain, hex", most=64, example="0" * 64)
    timeline = Many(Part(TimelineEntry, "A link"), "Timeline, when asked for", most=10_000, optional=True)
    withheld = withheld()


class IncidentPage(Message):
    """A page of incidents."""

    incidents = Many(Part(Incident, "An incident"), "Newest first", most=200)
    next_cursor = Text("Where the next page starts; null on the last", most=200, example="MDE5MGEwYzI", allow_none=True)


class Duplicate(Message):
    """An open incident that looks like the same one."""

    incident_id = parts.incident_id()
    score = Measure("Likeness", least=0, most=1, example=0.83)
    distance_m = Measure("Distance between the two", least=0, most=1e8, unit="m", example=42, allow_none=True)
    seconds_apart = Measure("Time between the two", least=0, most=1e9, unit="s", example=75)
    reasons = Many(parts.slug("Reason code", "same_category"), "Why it looks alike", most=16)
    state = Choice("Its state", codes.STATES, example="pushed", optional=True)
    primary = Flag("True when others stand under it: the one to merge into", example=False, optional=True)


class Duplicates(Message):
    """The answer of likely_duplicates."""

    likely_duplicates = Many(
        Part(Duplicate, "A likely duplicate"), "Those that others stand under, then the likeliest", most=50
    )


class Candidate(Message):
    """A team considered, picked or not, and why. Those that should go are `chosen`: one, or several together."""

    team_id = parts.team_id()
    call_sign = parts.call_sign()
    name_zh = Text("Name in Chinese", most=64, example="演示急救一组", optional=True)
    picked = Flag("True when it may be sent", example=True)
    rank = Whole("Rank among the picked, from 1; null when not picked", least=1, example=1, allow_none=True)
    eta_seconds = Measure("Expected time to the scene", least=0, most=1e9, unit="s", example=210, allow_none=True)
    distance_m = Measure("Distance to the scene", least=0, most=1e8, unit="m", example=1400, allow_none=True)
    open_incidents = Whole("Open incidents it is on", least=0, most=100, example=0, optional=True)
    reasons = Many(Choice("Reason code", codes.REASONS, example="closest_eta"), "Why, or why not", most=16)
    chosen = Flag("True for each of those that `auto: true` would send now", example=True, optional=True)
    skills = parts.skills("Of the skills asked for, those that it brings", optional=True)
    missing_skills = parts.skills("Of the skills asked for, those that it lacks", optional=True)
    flags = Many(parts.slug("Flag code", "position_stale"), "What is odd about it", most=16, optional=True)


class Recommendation(Message):
    """Every team considered for an incident: the chosen first, then the other picked."""

    incident_id = parts.incident_id()
    centre_code = parts.centre_code(allow_none=True)
    skills = parts.skills("Skills asked for: those that nobody brings yet, or all of them once more")
    candidates = Many(Part(Candidate, "A team"), "Picked by rank, then the rest", most=10_000)
    missing_skills = parts.skills("Skills asked for that nobody who can be sent brings", optional=True)
    shortfall = parts.slug(
        "Why nobody can be sent; null when somebody can", "no_candidates", allow_none=True, optional=True
    )


class TeamMember(Message):
    """One place in a crew."""

    role = parts.slug("Role in the team", "lead")
    reference = Text("Opaque reference of the holder", most=64, example="p-0001")
    stand_in = Text("Opaque reference of the stand-in (B)", most=64, example="p-0002", allow_none=True, optional=True)
    absent = Flag("True while the stand-in serves", example=False, optional=True)


class TeamShift(Message):
    """One stretch of duty."""

    starts_at = parts.moment("From")
    ends_at = parts.moment("Until, exclusive")


class Position(parts.Point):
    """Where a team last was."""

    occurred_at = parts.moment("When it was there")
    stale = Flag("True when too old to trust", example=False, optional=True)


class Team(Message):
    """A team with what it is doing."""

    team_id = parts.team_id()
    version = parts.version()
    call_sign = parts.call_sign()
    name_zh = Text("Name in Chinese", most=64, example="演示急救一组")
    name_en = Text("Name in English", most=64, example="Demo medical team 1", allow_none=True, optional=True)
    kind = parts.team_kind()
    centre_code = parts.centre_code()
    skills = Many(parts.skill(), "Skills", most=32)
    capacity = Whole("Incidents at once", least=1, most=20, example=1)
    members = Many(Part(TeamMember, "One place in the crew"), "The crew", most=64)
    base = Part(parts.Point, "Where it stands by", allow_none=True, optional=True)
    position = Part(Position, "Where it last was", allow_none=True, optional=True)
    always_on = Flag("True when no shift list limits it", example=True)
    in_service = Flag("False when it takes no assignments", example=True)
    on_shift = Flag("True when it is on shift now", example=True, optional=True)
    available = Flag("True when it could take an incident now", example=True, optional=True)
    shifts = Many(Part(TeamShift, "One stretch of duty"), "Shifts", most=400, optional=True)
    open_assignments = Many(parts.assignment_id(), "Assignments it is on", most=100, optional=True)
    withheld = withheld()


class TeamPage(Message):
    """Teams."""

    teams = Many(Part(Team, "A team"), "By call sign", most=10_000)
