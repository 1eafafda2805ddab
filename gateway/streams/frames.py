"""Server-sent events (WHATWG HTML, section 9.2): how each kind of message looks on the wire."""

from __future__ import annotations

import re
from typing import Any

import orjson

from gateway.streams.ring import Event

RETRY = b"retry: 1000\n\n"
UNREADABLE = "undecodable"
_ONE_LINE = re.compile(r"[^\r\n]{1,200}")


def event_frame(offset: int, kind: str, data: bytes) -> bytes:
    """One event with its id; `data` must be one line."""
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (offset, kind.encode(), data)


def marked(event: Event, mark: str) -> bytes:
    """The event's frame under another id than its offset."""
    return b"id: %b%b" % (mark.encode(), event.frame[event.frame.index(b"\n") :])


def control_frame(kind: str, data: dict[str, Any], mark: str | None) -> bytes:
    """A message about the stream itself. `mark`, when given, is where a reader resumes from."""
    identity = b"" if mark is None else b"id: %b\n" % mark.encode()
    return b"%bevent: %b\ndata: %b\n\n" % (identity, kind.encode(), orjson.dumps(data))


def read_event(offset: int, routing_key: str, body: bytes) -> Event:
    """A message of the stream as an event. One that is no CloudEvent is passed on as `undecodable`, never dropped."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    members = document if isinstance(document, dict) else {}
    kind, jurisdiction = members.get("type"), members.get("jurisdiction") or ""
    if not isinstance(kind, str) or not isinstance(jurisdiction, str) or not _ONE_LINE.fullmatch(kind):
        data = orjson.dumps({"offset": offset, "routing_key": routing_key, "bytes": len(body)})
        return Event(offset, UNREADABLE, "", event_frame(offset, UNREADABLE, data))
    # JSON may be laid out over lines; a raw line end would break the frame.
    one_line = orjson.dumps(document) if b"\n" in body or b"\r" in body else body
    return Event(offset, kind, jurisdiction, event_frame(offset, kind, one_line))
