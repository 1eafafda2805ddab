"""Reading a caller's contact details: for a purpose, with a record of it."""

from __future__ import annotations

from services.dispatch.application.context import Command, Context, Result, told
from services.dispatch.domain.desk import tell_contact_read
from services.dispatch.domain.errors import Invalid, NotFound


def read_contact(context: Context, command: Command) -> Result:
    """The contact details, unsealed for this answer only. Raises NotFound `no_contact`, Forbidden."""
    purpose = command["data"]["purpose"]
    if context.actor.purpose not in (None, purpose):
        raise Invalid(
            "purpose_differs", "the purpose of the request is another one", field="data.purpose", rule="purpose"
        )
    context.access.permit_purpose(command["command"], purpose)
    incident = context.incident(command)
    contact = context.uow.contacts.open(incident.id) if incident.has_contact else None
    if contact is None:
        raise NotFound(
            "no_contact", "the incident has no contact details", field="incident", incident_id=str(incident.id)
        )
    tell_contact_read(incident, context.report(command), purpose)
    return told(incident, contact=contact)
