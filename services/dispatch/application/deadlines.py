"""What happens when deadlines come due; called by the sidecar inside the transaction that claimed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.dispatch.application.context import Context
from services.dispatch.application.offering import move_on
from services.dispatch.application.ports import Actor, Fired, UnitOfWork
from services.dispatch.domain.errors import Refusal
from services.dispatch.domain.firing import BY_CLOCK, fire
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.merging import mirror
from services.dispatch.domain.stamps import Report

_CLOCK = replace(Actor.of_service("dispatch"), subject=BY_CLOCK, client="clock")


def fire_deadlines(uow: UnitOfWork, fired: Sequence[Fired]) -> None:
    """Apply due deadlines in due order: warn, breach, escalate, or let an offer expire and make the next at once.

    A deadline whose incident is gone, or that is stale, does nothing.
    """
    uow.incidents.load(ids={deadline.incident_id for deadline in fired})
    context = Context(uow, _CLOCK)
    for deadline in sorted(fired, key=lambda deadline: deadline.due_at):
        incident = uow.incidents.get(deadline.incident_id)
        if incident is not None:
            _fire(context, incident, deadline)


def _fire(context: Context, incident: Incident, deadline: Fired) -> None:
    now, since = max(context.uow.now, deadline.due_at), incident.version
    try:
        expired = fire(incident, deadline.kind, deadline.generation, deadline.due_at, now, context.desks.step_above)
    except Refusal:
        # What the clock may not do any more (an archived incident) it was too late for: nothing has changed.
        return
    if expired is None:
        return
    report = Report(deadline.due_at, now, BY_CLOCK, "clock")
    if incident.merge is not None:
        mirror(incident, context.root_of(incident), report, since)
    move_on(context, incident, expired, report)
