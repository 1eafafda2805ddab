"""Events of an incident: linked into its hash chain, and wrapped for the outbox, in the same breath."""

from typing import Any
from uuid import UUID

import orjson

from chassis.hash_chain import GENESIS, link
from chassis.ids import uuid7
from chassis.outbox import Outgoing
from chassis.tracing import current_traceparent
from contracts import envelope, names
from contracts.catalogue import dump_data
from services.dispatch.adapters import bulk
from services.dispatch.domain.events import IncidentEvent, TeamEvent, wire_time
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.team import Team

COLUMNS = (
    ("incident_id", "uuid"), ("seq", "integer"), ("type", "text"), ("occurred_at", "timestamptz"),
    ("recorded_at", "timestamptz"), ("by", "text"), ("body", "text"), ("hash", "bytea"),
)  # fmt: skip
_EXCHANGE = names.events_exchange(names.DISPATCH)
_SOURCE = names.source_of(names.DISPATCH)
# Shapes of event data that this process has checked against the contract; see `_checked`.
_KNOWN_SHAPES: set[tuple[Any, ...]] = set()
_TYPES = {fact: names.incident_event(fact) for fact in names.INCIDENT_FACTS}


def body_of(incident_id: UUID, event: IncidentEvent) -> str:
    """What is hashed: canonical JSON (sorted keys) of all that the row says, so no column can be changed unseen."""
    return orjson.dumps(
        {
            "incident_id": str(incident_id),
            "seq": event.version,
            "type": _TYPES[event.type],
            "occurred_at": wire_time(event.occurred_at),
            "recorded_at": wire_time(event.recorded_at),
            "by": event.by,
            "data": event.data,
        },
        option=orjson.OPT_SORT_KEYS,
    ).decode()


def record(
    incident: Incident, head: bytes | None, trace: str | None = None
) -> tuple[list[dict[str, Any]], list[Outgoing], bytes]:
    """Rows of `COLUMNS` and messages for the incident's new events, and the chain's new head.

    `trace` is what the events belong to, where that is not the span that is open here.
    """
    rows, messages = [], []
    head = GENESIS if head is None else head
    trace = trace or current_traceparent()
    for event in incident.events:
        body = body_of(incident.id, event)
        head = link(head, body.encode())
        rows.append({
            "incident_id": incident.id, "seq": event.version, "type": _TYPES[event.type], "body": body,
            "occurred_at": event.occurred_at, "recorded_at": event.recorded_at, "by": event.by,
            "hash": bulk.bytea(head),
        })  # fmt: skip
        messages.append(_message(
            _TYPES[event.type], str(incident.id), event, {**event.data, "chain": head.hex()},
            incident.jurisdiction or None, trace,
        ))  # fmt: skip
    return rows, messages, head


def team_messages(team: Team, jurisdiction: str | None) -> list[Outgoing]:
    """Messages for a team's new events."""
    trace = current_traceparent()
    return [
        _message(names.team_event(event.type), str(team.id), event, event.data, jurisdiction, trace)
        for event in team.events
    ]


def _message(
    type_: str, subject: str, event: IncidentEvent | TeamEvent, data: dict[str, Any], jurisdiction: str | None,
    trace: str | None,
) -> Outgoing:  # fmt: skip
    message_id = uuid7()
    cloud_event = envelope.CloudEvent(
        id=message_id, source=_SOURCE, type=type_, subject=subject, time=event.occurred_at,
        recordedat=event.recorded_at, sequence=event.version, data=_checked(type_, data), jurisdiction=jurisdiction,
        traceparent=trace,
    )  # fmt: skip
    key = names.routing_key(type_, jurisdiction)
    return Outgoing(message_id, _EXCHANGE, key, envelope.dump(cloud_event), order_key=subject, traceparent=trace)


def _checked(type_: str, data: dict[str, Any]) -> dict[str, Any]:
    """`data`, held against its schema the first time this process sends this shape of it.

    Every time would cost more than the rest of the event together (measured: 60 of 110 µs); what can go wrong for one
    event and not for the next of the same fields and types is a value, and the domain's own tests watch those.
    """
    shape = (type_, *data, *map(type, data.values()))
    if shape not in _KNOWN_SHAPES:
        dump_data(type_, data)
        _KNOWN_SHAPES.add(shape)
    return data
