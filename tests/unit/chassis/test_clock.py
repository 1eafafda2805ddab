from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import format_time, parse_time, utc_now

OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=OFFSETS)  # noqa: DTZ001 (the strategy adds the zone)


@given(INSTANTS)
def test_a_time_survives_the_journey_in_any_zone(moment):
    assert parse_time(format_time(moment)) == moment
    assert parse_time(moment.isoformat()) == moment


@given(INSTANTS, INSTANTS)
def test_texts_sort_as_their_times_do(one, other):
    assert (format_time(one) < format_time(other)) == (one < other)


def test_a_time_is_written_in_utc_with_six_decimals():
    eight_east = timezone(timedelta(hours=8))
    assert format_time(datetime(2026, 1, 2, 11, 4, 5, tzinfo=eight_east)) == "2026-01-02T03:04:05.000000Z"


def test_a_parsed_time_is_in_utc():
    assert parse_time("2026-01-02T11:04:05.5+08:00") == datetime(2026, 1, 2, 3, 4, 5, 500000, tzinfo=UTC)
    assert parse_time("2026-01-02t03:04:05z").tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05Z",
        "2026-W01-1T03:04:05Z",
        "20260102T030405Z",
        "2026-02-30T03:04:05Z",
        "2026-01-02T24:01:00Z",
        "2026-01-02T03:04:60Z",
        "2026-01-02T03:04:05+08",
        "2026-01-02T03:04:05+08:60",
        "2026-01-02T03:04:05+24:00",
        "0001-01-01T00:00:00+08:00",
        "2026-01-02T03:04:05Z\n",
        "２０２６-01-02T03:04:05Z",
        None,
        1767322800,
    ],
)
def test_what_names_no_instant_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)


def test_digits_below_the_microsecond_are_cut_off():
    assert parse_time("2026-01-02T03:04:05.123456789Z").microsecond == 123456


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="zone"):
        format_time(datetime(2026, 1, 2))  # noqa: DTZ001 (the point of the test)


def test_the_machines_clock_knows_its_zone():
    assert utc_now().tzinfo is UTC
