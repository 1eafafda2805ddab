"""What dispatch can be asked to do: one envelope for HTTP, the feed, AMQP and RPC.

``{"command", "key", "occurred_at"?, "incident"? | "assignment"? | "team"?, "if_version"?, "view"?, "data": {…}}``.
Which address a command takes is part of its schema; `DATA` says what its ``data`` holds. Loading is strict: an unknown
field is refused, naming it.
"""

from typing import Any

from marshmallow import ValidationError, validates_schema

from contracts.dispatch import command_data as content
from contracts.dispatch import parts
from contracts.fields import Choice, Described, Flag, Message, Part, Text, Whole

DATA: dict[str, type[Message]] = {
    "incident.create": content.CreateIncident,
    "incident.push": content.PushIncident,
    "incident.acknowledge": content.Note,
    "incident.assign": content.AssignTeam,
    "incident.escalate": content.Reason,
    "incident.resolve": content.ResolveIncident,
    "incident.feedback": content.FeedBack,
    "incident.close": content.OptionalReason,
    "incident.archive": content.OptionalReason,
    "incident.cancel": content.Reason,
    "incident.reopen": content.Reason,
    "incident.merge": content.MergeIncident,
    "incident.unmerge": content.OptionalReason,
    "incident.hand_over": content.HandOver,
    "incident.correct": content.CorrectStamp,
    "incident.read_contact": content.ReadContact,
    "incident.note": content.AddNote,
    "assignment.accept": content.Note,
    "assignment.refuse": content.Reason,
    "assignment.depart": content.TeamPlace,
    "assignment.arrive": content.TeamPlace,
    "assignment.clear": content.TeamPlace,
    "assignment.withdraw": content.OptionalReason,
    "team.create": content.CreateTeam,
    "team.change": content.ChangeTeam,
    "team.move": parts.Point,
    "team.shifts": content.SetShifts,
}


class CommandEnvelope(Message):
    """What every command carries."""

    key = Text("Idempotency key of the client: the same key gives the same answer", most=200, example="demo-0001")
    occurred_at = parts.moment("When it happened; absent means now", optional=True)
    taken_at = parts.moment(
        "When a store on the way took it (a gateway's journal): absent `occurred_at` then means this; not part of what "
        "the key stands for",
        optional=True,
    )
    view = Flag("True: answer with the whole incident", example=False, load_default=False)


class AddressedEnvelope(CommandEnvelope):
    """A command about something that is there."""

    if_version = Whole(
        "Done only while the incident (an assignment's: its incident) or the team is of this version",
        least=1,
        example=1,
        optional=True,
    )


class AssignmentAddress(AddressedEnvelope):
    """The assignment by id, or the newest open one of a team on an incident."""

    assignment = parts.assignment_id(optional=True)
    incident = content.incident_ref(optional=True)
    team = content.team_ref(optional=True)

    rules = {"oneOf": [{"required": ["assignment"]}, {"required": ["incident", "team"]}]}

    @validates_schema
    def _addresses_one(self, data: dict[str, Any], **_: Any) -> None:
        if "assignment" in data:
            if "incident" in data or "team" in data:
                raise ValidationError("one_of: give either assignment, or incident and team", "assignment")
        elif "incident" not in data:
            raise ValidationError(
                "required: give assignment, or incident and team", "incident" if "team" in data else "assignment"
            )
        elif "team" not in data:
            raise ValidationError("required: needed beside incident", "team")


def _address(name: str) -> tuple[type[CommandEnvelope], dict[str, Described[Any]]]:
    """Which address fields a command takes: creations none, assignments either way, the others their own aggregate."""
    aggregate = name.partition(".")[0]
    if name in ("incident.create", "team.create"):
        return CommandEnvelope, {}
    if aggregate == "assignment":
        return AssignmentAddress, {}
    return AddressedEnvelope, {aggregate: content.incident_ref() if aggregate == "incident" else content.team_ref()}


def _needs_data(schema: type[Message]) -> bool:
    return bool(schema().validate({}))


def _schema(name: str, data: type[Message]) -> type[Message]:
    base, address = _address(name)
    about = f"Data of {name}"
    part = Part(data, about) if _needs_data(data) else Part(data, about, load_default=dict)
    command = Choice("The command", [name], example=name)
    title = "".join(word.title() for word in name.replace(".", "_").split("_"))
    members: dict[str, Any] = {
        "command": command,
        **address,
        "data": part,
        "__doc__": data.__doc__ or about,
        "__module__": __name__,
    }
    return type(title, (base,), members)


SCHEMAS: dict[str, type[Message]] = {name: _schema(name, data) for name, data in DATA.items()}
