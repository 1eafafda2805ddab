"""What a desk asks for: push, acknowledge, escalate, resolve, feed back, hand over, correct, note."""

from __future__ import annotations

from services.dispatch.application.context import Command, Context, Result, told
from services.dispatch.domain import desk
from services.dispatch.domain.correcting import correct as correct_stamp
from services.dispatch.domain.desk import Route
from services.dispatch.domain.errors import NotFound
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.merging import mirror


def push(context: Context, command: Command) -> Result:
    """Onto the named centre's desk, or that of the first staffed one on the way up. Raises Invalid `unknown_centre`."""
    incident, data = context.incident(command), command["data"]
    desk.push(incident, _route(context, incident, data.get("centre_code")), context.report(command), data.get("note"))
    return told(incident, **({"flags": list(incident.flags)} if incident.flags else {}))


def acknowledge(context: Context, command: Command) -> Result:
    """The centre has seen it."""
    incident = context.incident(command)
    desk.acknowledge(incident, context.report(command), command["data"].get("note"))
    return told(incident)


def escalate(context: Context, command: Command) -> Result:
    """One level up, because a person asks."""
    incident = context.incident(command)
    step = context.desks.step_above(incident.level_code)
    desk.escalate(incident, step, context.report(command), command["data"]["reason"])
    return told(incident)


def resolve(context: Context, command: Command) -> Result:
    """What needed doing is done."""
    incident, data = context.incident(command), command["data"]
    desk.resolve(incident, context.report(command), data["outcome"], data.get("note"))
    return told(incident)


def feed_back(context: Context, command: Command) -> Result:
    """The result was told to whoever asked."""
    incident, data = context.incident(command), command["data"]
    desk.feed_back(incident, context.report(command), data["disposition"], data.get("note"))
    return told(incident)


def hand_over(context: Context, command: Command) -> Result:
    """Another service takes the matter further."""
    incident, data = context.incident(command), command["data"]
    desk.hand_over(incident, context.report(command), data["to"], data["reason"])
    return told(incident)


def note(context: Context, command: Command) -> Result:
    """Keep a remark."""
    incident = context.incident(command)
    desk.add_note(incident, context.report(command), command["data"]["note"])
    return told(incident)


def correct(context: Context, command: Command) -> Result:
    """Say when a stage really happened. Raises NotFound `unknown_assignment` besides what the domain refuses."""
    incident, data = context.incident(command), command["data"]
    assignment = None
    if "assignment" in data:
        assignment = incident.roster.find(data["assignment"])
        if assignment is None:
            raise NotFound("unknown_assignment", "the incident has no such assignment", field="data.assignment")
    report, since = context.report(command), incident.version
    correct_stamp(incident, data["stage"], assignment, data["occurred_at"], data["why"], report)
    if incident.merge is not None:
        mirror(incident, context.root_of(incident), report, since)
    return told(incident)


def _route(context: Context, incident: Incident, centre_code: str | None) -> Route:
    if centre_code is not None:
        return context.desks.route_to(centre_code)
    if incident.centre_code is not None:
        # It has its centre: the domain says that it is pushed already.
        return Route(incident.centre_code, incident.home_code, incident.home_level)
    return context.desks.route(incident.grid_code)
