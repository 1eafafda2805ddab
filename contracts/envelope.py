"""The envelope of every event: CloudEvents 1.0.2, structured JSON mode (``application/cloudevents+json``).

Extensions, lower case and without separators as CloudEvents asks: ``recordedat`` (when we learnt it; ``time`` is when
it happened), ``sequence`` (version of the aggregate after this event), ``jurisdiction`` (grid code),
``correlationid``, ``causationid``, ``traceparent``. No personal data in any attribute and none in ``data``.
"""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from contracts.fields import Anything, Choice, Identifier, Message, Moment, Text, Whole, format_moment

CONTENT_TYPE = "application/cloudevents+json"
SPEC_VERSION = "1.0"
_OPTIONAL_TEXT = ("jurisdiction", "correlationid", "causationid", "traceparent", "dataschema")


class Undecodable(ValueError):
    """The bytes are no event and never will be: a consumer dead-letters them. `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event. `time` and `recordedat` are aware datetimes; `sequence` is the aggregate's version, from 1."""

    id: uuid.UUID
    source: str
    type: str
    subject: str
    time: datetime
    recordedat: datetime
    sequence: int
    data: dict[str, Any] = field(default_factory=dict)
    jurisdiction: str | None = None
    correlationid: str | None = None
    causationid: str | None = None
    traceparent: str | None = None
    dataschema: str | None = None


def dump(event: CloudEvent) -> bytes:
    """`event` as structured-mode JSON. Absent optional attributes are left out, as CloudEvents forbids null ones."""
    body: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": str(event.id),
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": format_moment(event.time),
        "datacontenttype": "application/json",
        "recordedat": format_moment(event.recordedat),
        "sequence": event.sequence,
    }
    for name in _OPTIONAL_TEXT:
        value = getattr(event, name)
        if value is not None:
            body[name] = value
    body["data"] = event.data
    return orjson.dumps(body)


def load(body: bytes) -> CloudEvent:
    """The event in `body`. Attributes we do not know are ignored. Raises `Undecodable` with the reason."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Undecodable(f"not UTF-8 JSON: {error.msg} at byte {error.pos}") from error
    if not isinstance(raw, dict):
        raise Undecodable("not a JSON object")
    if raw.get("specversion") != SPEC_VERSION:
        raise Undecodable(f"specversion is {raw.get('specversion')!r}, not {SPEC_VERSION!r}")
    data = raw.get("data", {})
    if not isinstance(data, dict):
        raise Undecodable("data is not an object")
    return CloudEvent(
        id=_identifier(raw),
        source=_text(raw, "source"),
        type=_text(raw, "type"),
        subject=_text(raw, "subject"),
        time=_moment(raw, "time"),
        recordedat=_moment(raw, "recordedat"),
        sequence=_sequence(raw),
        data=data,
        **{name: _text(raw, name) for name in _OPTIONAL_TEXT if raw.get(name) is not None},
    )


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value:
        raise Undecodable(f"{name} is not a text" if name in raw else f"{name} is missing")
    return value


def _identifier(raw: dict[str, Any]) -> uuid.UUID:
    try:
        return uuid.UUID(_text(raw, "id"))
    except ValueError as error:
        raise Undecodable("id is missing or not a UUID") from error


def _moment(raw: dict[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(raw, name))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except Undecodable:
        raise
    except (ValueError, OverflowError) as error:
        raise Undecodable(f"{name} is not a date and time of RFC 3339") from error
    raise Undecodable(f"{name} has no offset")


def _sequence(raw: dict[str, Any]) -> int:
    value = raw.get("sequence")
    if type(value) is not int or value < 1:
        raise Undecodable("sequence is not a whole number from 1")
    return value


class EnvelopeSchema(Message):
    """The same envelope for validation and documents; `load` above is the quick path."""

    specversion = Choice("CloudEvents version", [SPEC_VERSION], example=SPEC_VERSION)
    id = Identifier(
        "Unique per source: UUIDv7, the inbox drops a second one", example="0190a0c2-7e1a-7000-8000-000000000001"
    )
    source = Text("Owner of the event as a URI reference", most=64, pattern=r"/[a-z][a-z0-9_]*", example="/dispatch")
    type = Text(
        "Versioned wire name",
        most=128,
        pattern=r"wangge(\.[a-z][a-z0-9_]*){3}\.v[1-9][0-9]*",
        example="wangge.dispatch.incident.pushed.v1",
    )
    subject = Text("Id or code of the aggregate", most=64, example="0190a0c2-7e1a-7000-8000-0000000000aa")
    time = Moment("When it happened, by the source's clock (occurred_at)", example="2026-01-02T03:04:05.000000Z")
    datacontenttype = Choice("Always JSON", ["application/json"], example="application/json")
    recordedat = Moment("When we learnt it (recorded_at)", example="2026-01-02T03:04:05.678901Z")
    sequence = Whole("Version of the aggregate after this event, +1 each", least=1, example=2)
    jurisdiction = Text(
        "Grid code; its prefix is the jurisdiction",
        most=17,
        pattern=r"[0-9]{2,17}",
        optional=True,
        example="99999900100100101",
    )
    correlationid = Text(
        "Id of what started the chain, opaque", most=200, optional=True, example="0190a0c2-7e1a-7000-8000-0000000000cc"
    )
    causationid = Text(
        "Id of the command or event that caused this one, opaque",
        most=200,
        optional=True,
        example="0190a0c2-7e1a-7000-8000-0000000000cd",
    )
    traceparent = Text(
        "W3C trace context", most=55, optional=True, example="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    )
    dataschema = Text(
        "Where the JSON Schema of data is",
        most=200,
        optional=True,
        example="urn:wangge:schema:wangge.dispatch.incident.pushed.v1",
    )
    data = Anything("The event's own fields; see the schema of its type", example={})
