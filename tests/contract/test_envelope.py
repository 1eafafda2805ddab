"""The CloudEvents codec gives back what it was given, and says why it cannot read what it cannot."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import CloudEvent, Undecodable, dump, load

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2198, 1, 1), timezones=OFFSETS)  # noqa: DTZ001 - the zone is drawn
CHINESE = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=20)
WORDS = CHINESE | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.builds(
    CloudEvent,
    id=st.uuids(),
    source=WORDS,
    type=WORDS,
    subject=WORDS,
    time=MOMENTS,
    recordedat=MOMENTS,
    sequence=st.integers(1, 2**31 - 1),
    data=st.dictionaries(WORDS, VALUES, max_size=5),
    **{
        name: st.none() | WORDS
        for name in ("jurisdiction", "correlationid", "causationid", "traceparent", "dataschema")
    },
)
EVENT = CloudEvent(
    id=uuid.UUID(int=7),
    source="/dispatch",
    type="wangge.dispatch.incident.pushed.v1",
    subject="s",
    time=datetime(2026, 1, 2, tzinfo=UTC),
    recordedat=datetime(2026, 1, 2, tzinfo=UTC),
    sequence=1,
    data={"名": "网格"},
)


@given(EVENTS)
def test_an_event_comes_back_as_it_was_sent(event):
    assert load(dump(event)) == event


@given(EVENTS)
def test_absent_attributes_are_left_out_and_not_null(event):
    raw = orjson.loads(dump(event))
    assert None not in [value for key, value in raw.items() if key != "data"]
    assert raw["time"].endswith("Z")


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_undecodable(body):
    with pytest.raises(Undecodable) as caught:
        load(body)
    assert caught.value.reason


@given(cut=st.integers(0, len(dump(EVENT)) - 1))
def test_a_torn_event_is_undecodable(cut):
    with pytest.raises(Undecodable):
        load(dump(EVENT)[:cut])


@given(at=st.integers(0, len(dump(EVENT)) - 1), byte=st.integers(0, 255))
def test_a_flipped_byte_gives_an_event_or_undecodable(at, byte):
    body = bytearray(dump(EVENT))
    body[at] = byte
    try:
        assert isinstance(load(bytes(body)), CloudEvent)
    except Undecodable as refused:
        assert refused.reason  # noqa: PT017 - either outcome is right


BAD = [
    ("[]", "not a JSON object"),
    ({"specversion": "0.3"}, "specversion is '0.3', not '1.0'"),
    ({"data": []}, "data is not an object"),
    ({"id": None}, "id is missing or not a UUID"),
    ({"id": "7"}, "id is missing or not a UUID"),
    ({"source": ""}, "source is not a text"),
    ({"type": 1}, "type is not a text"),
    ({"time": "2026-01-02T00:00:00"}, "time has no offset"),
    ({"time": "yesterday"}, "time is not a date and time of RFC 3339"),
    ({"recordedat": "0001-01-01T00:00:00+14:00"}, "recordedat is not a date and time of RFC 3339"),
    ({"sequence": 0}, "sequence is not a whole number from 1"),
    ({"sequence": True}, "sequence is not a whole number from 1"),
    ({"jurisdiction": 999999}, "jurisdiction is not a text"),
]


@pytest.mark.parametrize(("change", "reason"), BAD, ids=[str(change) for change, _ in BAD])
def test_the_reason_of_an_undecodable_event_is_told(change, reason):
    body = change if isinstance(change, str) else orjson.dumps({**orjson.loads(dump(EVENT)), **change})
    with pytest.raises(Undecodable) as caught:
        load(body.encode() if isinstance(body, str) else body)
    assert caught.value.reason == reason


def test_a_missing_attribute_is_named():
    raw = orjson.loads(dump(EVENT))
    for name in ("source", "type", "subject", "time", "recordedat"):
        with pytest.raises(Undecodable, match=f"{name} is missing"):
            load(orjson.dumps({key: value for key, value in raw.items() if key != name}))


def test_an_attribute_we_do_not_know_is_ignored():
    raw = orjson.loads(dump(EVENT))
    assert load(orjson.dumps({**raw, "partitionkey": "x"})) == EVENT
