"""Putting duplicates under one incident, and taking them out again."""

from __future__ import annotations

from services.dispatch.application.context import Command, Context, Result, told
from services.dispatch.domain import merging
from services.dispatch.domain.errors import Conflict


def merge(context: Context, command: Command) -> Result:
    """Put the incident, and its own duplicates, under the root of the incident named."""
    duplicate = context.incident(command)
    parent = context.find_incident(command, command["data"]["into"], "data.into")
    root = context.root_of(parent)
    children = context.uow.incidents.duplicates_of(duplicate.id)
    merging.merge(duplicate, parent, root, children, context.report(command))
    return told(duplicate)


def unmerge(context: Context, command: Command) -> Result:
    """Take the incident out again as it was, with the duplicates that came in under it.

    Raises Conflict `not_merged`.
    """
    duplicate = context.incident(command)
    if duplicate.merge is None:
        raise Conflict("not_merged", "the incident does not stand under another one", incident_id=str(duplicate.id))
    root = context.root_of(duplicate)
    others = context.uow.incidents.duplicates_of(root.id)
    merging.unmerge(duplicate, root, others, context.report(command), command["data"].get("reason"))
    return told(duplicate)
