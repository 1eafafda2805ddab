"""What a reader of the stream asks for, the same on every kind of connection."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from chassis.actor import Actor
from chassis.errors import InvalidInput
from gateway.streams.filters import Filter, parse_filter, scope_of
from gateway.streams.marks import Marks, Offsets, Place, Sealed, Sealer, read_place

PARAMETERS = ("type", "jurisdiction", "after")


def asked(connection: HTTPConnection, sealer: Sealer, actor: Actor) -> tuple[Filter, Place, Marks]:
    """Which events, from where (the header Last-Event-ID, else `after`; else the live end), and how it is told places.

    Raises InvalidInput naming what is at fault, Forbidden for a jurisdiction that is not the reader's.
    """
    query, scope = connection.query_params, scope_of(actor)
    for name in query:
        if name not in PARAMETERS:
            raise InvalidInput("there is no such query parameter", code="unknown_field", field=name)
    wanted = parse_filter(query.getlist("type"), query.get("jurisdiction", ""), scope)
    place = Place(None)
    for field, text in (("Last-Event-ID", connection.headers.get("last-event-id")), ("after", query.get("after"))):
        if text:
            place = read_place(text, field, sealer, actor.subject, limited=scope is not None)
            break
    return wanted, place, Offsets() if scope is None else Sealed(sealer, actor.subject, place.count)
