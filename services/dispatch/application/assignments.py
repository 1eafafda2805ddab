"""What teams tell: accept, refuse, depart, arrive, clear; and the centre taking an assignment back."""

from __future__ import annotations

from collections.abc import Callable

from services.dispatch.application.context import Command, Context, Result, told
from services.dispatch.application.offering import move_on
from services.dispatch.domain import fieldwork
from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.merging import mirror
from services.dispatch.domain.stamps import Report

Change = Callable[[Incident, Assignment, Report], None]


def accept(context: Context, command: Command) -> Result:
    """The team takes it."""
    note = command["data"].get("note")
    return _tell(
        context, command, lambda incident, assignment, report: fieldwork.accept(incident, assignment, report, note)
    )


def depart(context: Context, command: Command) -> Result:
    """The team is on its way."""
    return _tell(context, command, fieldwork.depart)


def arrive(context: Context, command: Command) -> Result:
    """The team is on the scene."""
    return _tell(context, command, fieldwork.arrive)


def clear(context: Context, command: Command) -> Result:
    """The team is free of the incident."""
    return _tell(context, command, fieldwork.clear)


def refuse(context: Context, command: Command) -> Result:
    """The team does not take it; the next one is offered at once."""
    reason = command["data"]["reason"]
    incident, assignment = context.assignment(command)
    report = context.report(command)
    _change(context, incident, assignment, report, lambda i, a, r: fieldwork.refuse(i, a, r, reason))
    move_on(context, incident, assignment, report)
    return told(incident, assignment_id=str(assignment.id))


def withdraw(context: Context, command: Command) -> Result:
    """The centre takes the assignment back; whom to send then is for the centre to say."""
    reason = command["data"].get("reason") or ""
    return _tell(
        context, command, lambda incident, assignment, report: fieldwork.withdraw(incident, assignment, report, reason)
    )


def _tell(context: Context, command: Command, change: Change) -> Result:
    incident, assignment = context.assignment(command)
    report = context.report(command)
    _change(context, incident, assignment, report, change)
    data = command["data"]
    if "lat" in data and not incident.backfill:
        team = context.uow.teams.get(assignment.team_id)
        if team is not None:
            team.move(data["lat"], data["lon"], report)
    return told(incident, assignment_id=str(assignment.id))


def _change(context: Context, incident: Incident, assignment: Assignment, report: Report, change: Change) -> None:
    since = incident.version
    change(incident, assignment, report)
    if incident.merge is not None:
        mirror(incident, context.root_of(incident), report, since)
