"""A row of the outbox as the bytes of an AMQP publish: those pika makes of ``message_of``, in an eighth of the time.

pika builds objects for the method, the properties and each frame, checks every field and packs each number alone:
15 to 40 µs a message (measured), half of what a relay had to spend on it. Rows of one type differ in four fields only.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any, Protocol

import orjson
from pika import data, exceptions, spec

from chassis.headers import TRACEPARENT
from chassis.outbox_rows import CORRELATION_ID, NO_HEADERS, OutboxRow

_FRAME = struct.Struct(">BHI")
_HEADER = struct.Struct(">BHIHHQH")
_SECONDS = struct.Struct(">Q")
_LENGTH = struct.Struct(">I")
_END = bytes([spec.FRAME_END])
_PERSISTENT = b"\x02"
# Class, weight, size of the body, flags: what the header frame holds before its properties.
_FIXED_BYTES = 14
_FLAGS = (
    spec.BasicProperties.FLAG_CONTENT_TYPE
    | spec.BasicProperties.FLAG_DELIVERY_MODE
    | spec.BasicProperties.FLAG_MESSAGE_ID
    | spec.BasicProperties.FLAG_TIMESTAMP
)
_LONGEST_SHORT = 255
# An event type in a town each: thirty types in five hundred towns.
_SHAPES_KEPT = 16_384
_UNENCODABLE = (
    exceptions.ShortStringTooLong,
    exceptions.UnsupportedAMQPFieldException,
    struct.error,
    # A number that no float holds, a property that is no text.
    ValueError,
    AttributeError,
)


class Unencodable(ValueError):
    """The row cannot become a message: a route or header that AMQP has no room or no type for."""


class Encoder(Protocol):
    """Rows to bytes for one channel."""

    def __call__(self, row: OutboxRow) -> bytes: ...


def encoder(channel: int, frame_limit: int) -> Encoder:
    """An encoder for a channel whose connection agreed on frames of ``frame_limit`` bytes at most."""
    body_limit = frame_limit - spec.FRAME_HEADER_SIZE - spec.FRAME_END_SIZE

    def encode(row: OutboxRow) -> bytes:
        """Raises Unencodable."""
        try:
            method = _method(channel, row.exchange, row.routing_key, row.mandatory)
            flags, before, after = _properties(row)
        except _UNENCODABLE as error:
            raise Unencodable(f"unencodable {type(error).__name__}") from error
        size = len(row.body)
        length = _FIXED_BYTES + len(before) + len(after)
        header = _HEADER.pack(spec.FRAME_HEADER, channel, length, spec.BasicProperties.INDEX, 0, size, flags)
        if size <= body_limit:
            body = (_FRAME.pack(spec.FRAME_BODY, channel, size), row.body, _END) if size else ()
            return b"".join((method, header, before, after, _END, *body))
        return b"".join((method, header, before, after, _END, *_body_frames(channel, row.body, body_limit)))

    return encode


def _properties(row: OutboxRow) -> tuple[int, bytes, bytes]:
    """Flags, and the properties in the order of the protocol: up to the delivery mode, and after it."""
    flags, content_type = _FLAGS, _short(row.content_type)
    after = _short(row.message_id) + _SECONDS.pack(row.seconds)
    if row.headers == NO_HEADERS:
        if not row.traceparent:
            return flags, content_type + _PERSISTENT, after
        trace = row.traceparent.encode()
        table = _trace_before(len(trace)) + trace
        return flags | spec.BasicProperties.FLAG_HEADERS, content_type + table + _PERSISTENT, after
    headers = orjson.loads(row.headers)
    if (correlation_id := headers.pop(CORRELATION_ID, None)) is not None:
        flags |= spec.BasicProperties.FLAG_CORRELATION_ID
        after = _short(correlation_id) + after
    if row.traceparent:
        headers[TRACEPARENT] = row.traceparent
    if not headers:
        return flags, content_type + _PERSISTENT, after
    return flags | spec.BasicProperties.FLAG_HEADERS, content_type + _table(headers) + _PERSISTENT, after


@lru_cache(_SHAPES_KEPT)
def _method(channel: int, exchange: str, routing_key: str, mandatory: bool) -> bytes:  # noqa: FBT001 (part of a key)
    encoded = b"".join(spec.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=mandatory).encode())
    size = len(encoded) + _LENGTH.size
    index = _LENGTH.pack(spec.Basic.Publish.INDEX)
    return _FRAME.pack(spec.FRAME_METHOD, channel, size) + index + encoded + _END


def _short(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > _LONGEST_SHORT:
        raise exceptions.ShortStringTooLong(encoded)
    return bytes((len(encoded),)) + encoded


def _table(headers: dict[str, Any]) -> bytes:
    pieces: list[bytes] = []
    data.encode_table(pieces, headers)
    return b"".join(pieces)


@lru_cache(_SHAPES_KEPT)
def _trace_before(length: int) -> bytes:
    """A table whose one entry is the trace context, up to the text itself."""
    return _table({TRACEPARENT: "-" * length})[:-length]


def _body_frames(channel: int, body: bytes, limit: int) -> list[bytes]:
    chunks = [body[start : start + limit] for start in range(0, len(body), limit)]
    return [_FRAME.pack(spec.FRAME_BODY, channel, len(chunk)) + chunk + _END for chunk in chunks]
