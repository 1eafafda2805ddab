"""Changes of the county's books as events of the contract, ready for the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chassis.ids import uuid7
from chassis.outbox import Outgoing
from chassis.tracing import current_traceparent
from contracts import catalogue, envelope
from contracts.names import REGISTRY, events_exchange, registry_event, routing_key, source_of
from services.registry.adapters import mapping
from services.registry.domain.centre import Centre
from services.registry.domain.grid import GridNode
from services.registry.domain.post import Post
from services.registry.domain.versions import Version, Versioned


def announcements(thing: Versioned[Any], recorded_at: datetime) -> list[Outgoing]:
    """One event for each version that a change made, each the whole of that version."""
    return [_announcement(thing, version, recorded_at) for version in thing.written if version.valid_to is None]


def announcement_of_current(thing: Versioned[Any], recorded_at: datetime) -> list[Outgoing]:
    """The event of a thing's newest version under a new id, so that no inbox takes it for one it had."""
    return [] if thing.current is None else [_announcement(thing, thing.current, recorded_at)]


def _announcement(thing: Versioned[Any], version: Version[Any], recorded_at: datetime) -> Outgoing:
    aggregate, jurisdiction, data = _told(thing, version)
    type_ = registry_event(aggregate)
    event = envelope.CloudEvent(
        id=uuid7(),
        source=source_of(REGISTRY),
        type=type_,
        subject=thing.key,
        time=version.valid_from,
        recordedat=recorded_at,
        sequence=version.number,
        data=catalogue.dump_data(type_, data),
        jurisdiction=jurisdiction,
        traceparent=current_traceparent(),
    )
    key = routing_key(type_, jurisdiction)
    return Outgoing(event.id, events_exchange(REGISTRY), key, envelope.dump(event), order_key=thing.key)


def _told(thing: Versioned[Any], version: Version[Any]) -> tuple[str, str, dict[str, Any]]:
    """Aggregate's name on the wire, jurisdiction, and the event's data."""
    held = mapping.version_columns(version)
    if isinstance(thing, GridNode):
        return "grid", thing.key, mapping.grid_record({"code": thing.key} | held | mapping.grid_columns(version.facts))
    if isinstance(thing, Centre):
        row = {"code": thing.key} | held | mapping.centre_columns(version.facts)
        return "centre", version.facts.grid_code, mapping.centre_record(row)
    if isinstance(thing, Post):
        row = {"post_id": thing.key} | held | mapping.post_columns(version.facts)
        return "post", version.facts.grid_code, mapping.post_record(row)
    raise TypeError(f"no event tells of a {type(thing).__name__}")
