"""The ``data`` of each command; the envelope around it is in `contracts.dispatch.commands`."""

from typing import Any

from marshmallow import ValidationError, validates_schema

from contracts.dispatch import codes, parts
from contracts.fields import Choice, Flag, Identifier, Many, Message, Part, Text, Whole

INCIDENT_REF = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z][a-z0-9_-]*:[A-Za-z0-9._-]+"
STAMPED_STAGES = (
    "received",
    "pushed",
    "acknowledged",
    "assigned",
    "accepted",
    "departed",
    "arrived",
    "cleared",
    "resolved",
    "fed_back",
    "closed",
)


def incident_ref(about: str = "The incident: its id, or system:number", **options: Any) -> Text:
    return Text(about, most=129, pattern=INCIDENT_REF, example="police110:2026010200017", **options)


def team_ref(about: str = "The team: its id or its call sign", **options: Any) -> Text:
    return Text(about, most=36, pattern=r"[^\s/]+( [^\s/]+)*", example="E39", **options)


def words(about: str, example: str, *, most: int = 500, **options: Any) -> Text:
    return Text(about, most=most, example=example, **options)


class Note(Message):
    """A remark."""

    note = words("A remark for the record; no personal data", "现场已控制", optional=True)


class OptionalReason(Message):
    """A reason, if one was given."""

    reason = words("Why, in words, for the record; no personal data", "信息已核实", optional=True)


class Reason(Message):
    """A reason in words."""

    reason = words("Why, in words, for the record; no personal data", "报警人确认无需处置")


class Location(Message):
    """Where: a point, a grid code, or at least an address."""

    lat = parts.latitude(optional=True)
    lon = parts.longitude(optional=True)
    grid_code = parts.grid_code(optional=True)
    address = words("Address in words", "示例路1号", most=200, optional=True)

    rules = {
        "dependentRequired": {"lat": ["lon"], "lon": ["lat"]},
        "anyOf": [{"required": ["lat", "lon"]}, {"required": ["grid_code"]}, {"required": ["address"]}],
    }

    @validates_schema
    def _is_somewhere(self, data: dict[str, Any], **_: Any) -> None:
        for one, other in (("lat", "lon"), ("lon", "lat")):
            if one in data and other not in data:
                raise ValidationError(f"required: needed beside {one}", other)
        if not data:
            raise ValidationError("required: a point, a grid_code or an address is needed")


class Caller(Message):
    """Who called. Sealed at once; never in an event, a log or an answer except to who asks with a purpose."""

    name = words("Name", "测试甲", most=64, optional=True)
    phone = words("Telephone", "00000000000", most=32, optional=True)
    relation = words("Relation to the incident", "邻居", most=32, optional=True)


class CreateIncident(Message):
    """Take in an incident."""

    reference = Part(parts.Reference, "Number in the system it came from", optional=True)
    source = parts.source()
    category = parts.category()
    priority = parts.priority(optional=True)
    alarm_level = parts.alarm_level(load_default=1)
    summary = words("What happened; no personal data", "演示小区3号楼有人晕倒", most=2000, optional=True)
    location = Part(Location, "Where", optional=True)
    caller = Part(Caller, "Who called; sealed at once", optional=True)
    exercise = parts.exercise(load_default=False)
    on_likely_duplicate = Choice(
        "What to do when open incidents look alike", ["report", "refuse"], example="report", load_default="report"
    )
    push = Flag("Push to the responsible centre in the same transaction", example=True, load_default=False)


class DraftIncident(CreateIncident):
    """An incident as far as it is known by now: any of its fields may be missing."""

    def on_bind_field(self, field_name: str, field_obj: Any) -> None:
        field_obj.required = False


class PushIncident(Message):
    """Put it on a centre's desk: the responsible one, or the one named."""

    centre_code = parts.centre_code(optional=True)
    note = words("A remark for the record; no personal data", "转街道中心", optional=True)


class AssignTeam(Message):
    """Offer it to a team: the one named, or those that the recommendation says should go together."""

    team = team_ref(optional=True)
    auto = Flag("True: send those that the recommendation has chosen", example=True, optional=True)
    note = words("A remark for the record; no personal data", "优先", optional=True)

    rules = {"oneOf": [{"required": ["team"]}, {"required": ["auto"], "properties": {"auto": {"const": True}}}]}

    @validates_schema
    def _names_one_way(self, data: dict[str, Any], **_: Any) -> None:
        if ("team" in data) == (data.get("auto") is True):
            raise ValidationError("one_of: give either team or auto: true", "team")


class ResolveIncident(Note):
    """What needed doing on the scene is done."""

    outcome = Choice("Outcome code", codes.OUTCOMES, example="settled")


class FeedBack(Note):
    """Tell the result."""

    disposition = Choice("Disposition, APCO ANS 1.111.2", codes.DISPOSITIONS, example="18")


class MergeIncident(Message):
    """Say that it is a duplicate of another one."""

    into = incident_ref("The incident it is a duplicate of")


class HandOver(Reason):
    """Pass the matter to another service."""

    to = Choice("Who takes it further", ["mediation"], example="mediation")


class CorrectStamp(Message):
    """Correct a time; the first one is kept beside it."""

    stage = Choice("Stage whose stamp is wrong", STAMPED_STAGES, example="arrived")
    occurred_at = parts.moment("When it really happened")
    why = words("Why, in words", "车载终端时钟偏差")
    assignment = Identifier("The assignment, for a stage of a team", example=parts.UUID_EXAMPLE, optional=True)


class ReadContact(Message):
    """Read the caller's contact details, on the record."""

    purpose = Choice("What the contact is needed for", codes.CONTACT_PURPOSES, example="call_back")


class AddNote(Message):
    """Add a note to the record."""

    note = words("The note; no personal data", "已联系物业", most=2000)


class TeamPlace(Message):
    """Where the team was at that moment, if its terminal knows."""

    lat = parts.latitude(optional=True)
    lon = parts.longitude(optional=True)

    rules = {"dependentRequired": {"lat": ["lon"], "lon": ["lat"]}}

    @validates_schema
    def _is_whole(self, data: dict[str, Any], **_: Any) -> None:
        if ("lat" in data) != ("lon" in data):
            missing = "lon" if "lat" in data else "lat"
            raise ValidationError("required: lat and lon come together", missing)


class Member(Message):
    """One place in the crew, and who stands in for its holder (AB posts)."""

    role = parts.slug("Role in the team", "lead")
    reference = Text("Opaque reference of the holder, never a name", most=64, example="p-0001")
    stand_in = Text("Opaque reference of the stand-in (B)", most=64, example="p-0002", optional=True)
    absent = Flag("True while the holder is off and the stand-in serves", example=False, load_default=False)


class Shift(Message):
    """One stretch of duty."""

    starts_at = parts.moment("From")
    ends_at = parts.moment("Until, exclusive")

    @validates_schema
    def _runs_forward(self, data: dict[str, Any], **_: Any) -> None:
        if data["ends_at"] <= data["starts_at"]:
            raise ValidationError("order: must be after starts_at", "ends_at")


def _name(about: str, example: str, **options: Any) -> Text:
    return words(about, example, most=64, **options)


def _skills(**options: Any) -> Many:
    return Many(parts.skill(), "Skills of the team", most=32, **options)


def _members(**options: Any) -> Many:
    return Many(Part(Member, "One place in the crew"), "The crew", most=64, **options)


def _capacity(**options: Any) -> Whole:
    return Whole("Incidents at once", least=1, most=20, example=1, **options)


class CreateTeam(Message):
    """Set up a team."""

    call_sign = parts.call_sign()
    name_zh = _name("Name in Chinese", "演示急救一组")
    name_en = _name("Name in English", "Demo medical team 1", optional=True)
    kind = parts.team_kind()
    centre_code = parts.centre_code()
    skills = _skills(load_default=list)
    capacity = _capacity(load_default=1)
    members = _members(load_default=list)
    base = Part(parts.Point, "Where it stands by", optional=True)
    always_on = Flag("True when no shift list limits it", example=True, load_default=True)
    in_service = Flag("False when it takes no assignments", example=True, load_default=True)


class ChangeTeam(Message):
    """Only what is given changes; a list is replaced whole."""

    call_sign = parts.call_sign(optional=True)
    name_zh = _name("Name in Chinese", "演示急救一组", optional=True)
    name_en = _name("Name in English", "Demo medical team 1", optional=True)
    kind = parts.team_kind(optional=True)
    centre_code = parts.centre_code(optional=True)
    skills = _skills(optional=True)
    capacity = _capacity(optional=True)
    members = _members(optional=True)
    base = Part(parts.Point, "Where it stands by", optional=True)
    always_on = Flag("True when no shift list limits it", example=True, optional=True)
    in_service = Flag("False when it takes no assignments", example=True, optional=True)

    rules = {"minProperties": 1}

    @validates_schema
    def _changes_something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("required: at least one field to change")


class SetShifts(Message):
    """Replace the shift list of a team."""

    shifts = Many(Part(Shift, "One stretch of duty"), "The whole list; it replaces the one before", most=400)
