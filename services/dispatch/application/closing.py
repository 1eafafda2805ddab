"""Ending an incident and starting it again: close, archive, cancel, reopen."""

from __future__ import annotations

from services.dispatch.application.context import Command, Context, Result, told
from services.dispatch.domain import closing
from services.dispatch.domain.merging import mirror


def close(context: Context, command: Command) -> Result:
    """Nothing is left to do."""
    incident, report = context.incident(command), context.report(command)
    since = incident.version
    closing.close(incident, report, command["data"].get("reason"))
    if incident.merge is not None:
        mirror(incident, context.root_of(incident), report, since)
    return told(incident)


def archive(context: Context, command: Command) -> Result:
    """Shelve the record."""
    incident = context.incident(command)
    closing.archive(incident, context.report(command), command["data"].get("reason"))
    return told(incident)


def cancel(context: Context, command: Command) -> Result:
    """It needs nobody after all."""
    incident = context.incident(command)
    closing.cancel(incident, context.report(command), command["data"]["reason"])
    return told(incident)


def reopen(context: Context, command: Command) -> Result:
    """It needs somebody again."""
    incident = context.incident(command)
    closing.reopen(incident, context.report(command), command["data"]["reason"])
    return told(incident)
