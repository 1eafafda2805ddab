"""What a caller is told of a call that was taken while dispatch was away."""

from contracts.dispatch.parts import incident_id, moment
from contracts.dispatch.results import CommandResult
from contracts.fields import Choice, Message, Part, Text
from contracts.problem import Problem

STATES = ("waiting", "taken", "delivered", "refused")


class IntakeState(Message):
    """A taken call.

    `waiting`: kept, to be delivered. `taken`: kept by another gateway, and dispatch is away: nobody can say more now.
    `delivered`: an incident. `refused`: `problem` says why.
    """

    tracking_id = Text("What to follow it by", most=400, example="AQIDBAUGBwg-AQIDBAUGBwg-AQIDBAUGBwg-AQIDBAUGBwg")
    state = Choice("What became of it", STATES, example="waiting")
    taken_at = moment("When it was taken; the incident's clocks count from then")
    incident_id = incident_id(optional=True)
    result = Part(CommandResult, "What the command did, when delivered", optional=True)
    problem = Part(Problem, "Why it was refused, when it was", optional=True)
