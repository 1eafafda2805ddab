"""What a command is answered: what it did, with the view of it when that was asked for, or why not."""

from contracts.dispatch import parts
from contracts.dispatch.queries import Duplicate, Incident, Team
from contracts.fields import Choice, Flag, Many, Message, Part, Text, Whole
from contracts.problem import Problem


class Contact(Message):
    """The caller's contact details, for a stated purpose; the reading is on the timeline."""

    name = Text("Name", most=64, example="测试甲", allow_none=True, optional=True)
    phone = Text("Telephone", most=32, example="00000000000", allow_none=True, optional=True)
    relation = Text("Relation to the incident", most=32, example="邻居", allow_none=True, optional=True)


class SentTeam(Message):
    """A team that `incident.assign` has sent."""

    assignment_id = parts.assignment_id()
    team_id = parts.team_id()
    skills = parts.skills("Skills the incident asks for that it brings")


class CommandResult(Message):
    """What a command did."""

    incident_id = parts.incident_id(optional=True)
    team_id = parts.team_id(optional=True)
    assignment_id = parts.assignment_id(optional=True, allow_none=True)
    assignments = Many(
        Part(SentTeam, "A team that was sent"),
        "Of incident.assign: everybody it sent, the first being `assignment_id`",
        most=32,
        optional=True,
    )
    missing_skills = parts.skills("Of incident.assign: skills that nobody brings yet; absent if none", optional=True)
    version = parts.version(optional=True)
    state = Text("State after it", most=32, example="pushed", optional=True)
    likely_duplicates = Many(
        Part(Duplicate, "A likely duplicate"), "Open incidents that look the same", most=50, optional=True
    )
    flags = Many(parts.slug("Flag code", "location_unresolved"), "What is odd about the stamp", most=16, optional=True)
    tracking_id = Text("Of status 202: what to follow it by", most=400, example="AQIDBAUG", optional=True)
    taken_at = parts.moment("Of status 202: when it was taken", optional=True)
    contact = Part(Contact, "Answer of incident.read_contact", optional=True, allow_none=True)
    incident = Part(Incident, "The whole view, with view: true", optional=True)
    team = Part(Team, "The team, with view: true", optional=True)


class CommandAnswer(Message):
    """The answer of one command, the same again for the same key."""

    ok = Flag("True when it was done", example=True)
    replayed = Flag("True when this key was answered before", example=False)
    status = Choice("HTTP status when ok; 202: taken, to be delivered", [200, 201, 202], example=201, optional=True)
    result = Part(CommandResult, "What it did, when ok", optional=True)
    problem = Part(Problem, "Why not, when not ok", optional=True)
    key = Text("Key of the command", most=200, example="demo-0001", optional=True)
    line = Whole("Line in a feed, from 1", least=1, example=1, optional=True)

    rules = {"oneOf": [{"required": ["result"]}, {"required": ["problem"]}]}


class ExecuteAnswer(Message):
    """Answers in the order of the commands."""

    answers = Many(Part(CommandAnswer, "An answer"), "One per command", most=500)
