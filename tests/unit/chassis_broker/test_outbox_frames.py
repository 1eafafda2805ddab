"""What the relay sends is, byte for byte, what pika would have made of the same row."""

from __future__ import annotations

import orjson
import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.outbox_frames import Unencodable, encoder
from chassis.outbox_rows import OutboxRow, message_of

FRAME_LIMIT = 4096
SHORT = st.text(max_size=60)
HEADERS = st.dictionaries(
    SHORT,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | SHORT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SHORT, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=4,
)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Recorder:
    """As much of a connection as pika's own encoder asks for."""

    _body_max_length = FRAME_LIMIT - 8

    def __init__(self):
        self.sent = []

    def _output_marshaled_frames(self, marshaled_frames):
        self.sent += marshaled_frames


def pikas(row):
    message, recorder = message_of(row), Recorder()
    route = {"exchange": message.exchange, "routing_key": message.routing_key, "mandatory": message.mandatory}
    content = (message.properties, message.body)
    pika.connection.Connection._send_message(recorder, 7, pika.spec.Basic.Publish(**route), content)
    return b"".join(recorder.sent)


def row_of(**fields):
    usual = OutboxRow(
        1, "k", "0190b6e4-8f5a-7d3c-9b1e-0123456789ab", "x", "r", True, "t", "{}", None, 1_700_000_000, 0, b"{}"
    )
    return usual._replace(**fields)


@given(
    exchange=SHORT,
    routing_key=SHORT,
    mandatory=st.booleans(),
    content_type=SHORT,
    headers=HEADERS,
    correlation_id=st.none() | SHORT,
    traceparent=st.none() | st.just(TRACEPARENT),
    seconds=st.integers(0, 2**40),
    body=st.binary(max_size=100) | st.integers(0, 3 * FRAME_LIMIT).map(bytes),
)
def test_the_bytes_are_those_of_pika(headers, correlation_id, **fields):
    if correlation_id is not None:
        headers = headers | {"correlation_id": correlation_id}
    row = row_of(headers=orjson.dumps(headers).decode(), **fields)
    assert encoder(7, FRAME_LIMIT)(row) == pikas(row)


@pytest.mark.parametrize(
    "fields",
    [{"exchange": "x" * 256}, {"routing_key": "路" * 86}, {"headers": '{"n": 1e400}'}, {"headers": '{"n": 0.5}'}],
)
def test_what_amqp_has_no_room_or_no_type_for_is_refused(fields):
    with pytest.raises(Unencodable):
        encoder(7, FRAME_LIMIT)(row_of(**fields))
