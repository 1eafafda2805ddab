"""Requests that were denied: who asked for what, where, when, and which rule said no. Opaque ids only."""

from contracts.dispatch import parts
from contracts.fields import Identifier, Many, Message, Part, Text, Whole

PARTS = ("gateway", "dispatch", "registry")


class ToldDenial(Message):
    """A denial as the part that said no tells it; one entry may stand for several alike."""

    asked = Text("What was asked: a command, or method and path template", most=128, example="GET /v1/board")
    code = Text("Code of the answer", most=64, example="forbidden")
    subject = Text("Who, opaque", most=128, example="p-0001")
    client = Text("Through which client", most=128, example="desk")
    credential = Text("What proved who it was", most=32, example="person")
    permission = Text("Permission that was missing", most=64, example="board.read", allow_none=True, optional=True)
    rule = Text(
        "Rule that said no: role, jurisdiction, purpose", most=64, example="role", allow_none=True, optional=True
    )
    purpose = Text("Purpose stated with the request", most=32, example="handle", allow_none=True, optional=True)
    request_id = Text(
        "Id of the request, of the first of several", most=64, example="r-1", allow_none=True, optional=True
    )
    times = Whole("How often, in the moment that it stands for", least=1, example=1, load_default=1)


class Denial(ToldDenial):
    """A denial on the record."""

    denial_id = Identifier("The denial", example=parts.UUID_EXAMPLE)
    recorded_at = parts.moment("When it was recorded")
    said_by = Text("Which part of the system said no", most=32, example="dispatch")
    about = Text("Id of what it was about, if that is there", most=64, example=parts.UUID_EXAMPLE, allow_none=True)
    jurisdiction = Text("Grid code of what it was about", most=17, example="999999001", allow_none=True)


class Denials(Message):
    """The answer of list_denials."""

    denials = Many(Part(Denial, "A denial"), "Newest first", most=1000)
    next_cursor = Text("Where the next page starts; null on the last", most=200, example="MDE5MGEwYzI", allow_none=True)


class RecordedDenials(Message):
    """The answer of record_denials."""

    recorded = Whole("How many entries were recorded", least=0, example=1)
