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


def control_frame(kind: str, data: dict[str, Any], last: int | None) -> bytes:
    """A message about the stream itself. `last`, when given, is where a reader resumes from."""
    identity = b"" if last is None else b"id: %d\n" % last
    return b"%bevent: %b\ndata: %b\n\n" % (identity, kind.encode(), orjson.dumps(data))


def heartbeat(newest: int | None, position: int | None, *, attached: bool) -> bytes:
    """The beat of each second. `behind` is null while the stream cannot be read or the reader has not joined it.

    It carries the id of the last offset the filter has examined, so that a reader whose filter matches little
    resumes cheaply.
    """
    behind: int | None = None
    if attached and position is not None:
        behind = 0 if newest is None else max(0, newest - position)
    data = {"newest_offset": newest, "reader_offset": position, "behind": behind}
    return control_frame("heartbeat", data, None if position is None or position < 0 else position)


def gap(first: int, last: int | None, reason: str) -> bytes:
    """Events `first` to `last` cannot be had any more (`last` is null when nobody can know)."""
    return control_frame("gap", {"from": first, "to": last, "reason": reason}, None)


def end(reason: str, position: int | None) -> bytes:
    """The gateway ends the stream; the reader resumes at `resume_after`."""
    return control_frame("end", {"reason": reason, "resume_after": position}, None)


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
