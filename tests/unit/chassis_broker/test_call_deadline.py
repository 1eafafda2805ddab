"""How long a call may take is counted by one clock, never by the difference of two hosts' wall clocks."""

import time
from functools import partial

import pytest

from chassis.actor import NOBODY
from chassis.calls import DEADLINE_HEADER
from chassis.calls import call_of as call_from
from chassis.errors import MalformedRequest

call_of = partial(call_from, recognise=lambda _: NOBODY)


def in_ms(seconds):
    return int((time.time() + seconds) * 1000)


@pytest.mark.parametrize("wrong_by_seconds", [-3600, 0, 3600])
def test_a_caller_whose_clock_is_wrong_is_served_for_as_long_as_its_message_says(wrong_by_seconds):
    call = call_of({DEADLINE_HEADER: in_ms(wrong_by_seconds + 5)}, "5000")
    assert not call.is_late()
    assert 4 < call.seconds_left() <= 5


def test_a_message_without_an_expiration_is_held_to_its_header():
    assert call_of({DEADLINE_HEADER: in_ms(-1)}).is_late()
    assert 4 < call_of({DEADLINE_HEADER: in_ms(5)}).seconds_left() <= 5
    assert call_of({}).seconds_left() is None


def test_time_runs_out():
    call = call_of({}, "1")
    until = time.monotonic() + 1
    while not call.is_late():
        assert time.monotonic() < until
    assert call.seconds_left() == 0.0


@pytest.mark.parametrize("told", ["soon", 1.5, True])
def test_a_header_that_is_no_time_is_named(told):
    with pytest.raises(MalformedRequest) as refused:
        call_of({DEADLINE_HEADER: told}, "5000")
    assert refused.value.field == DEADLINE_HEADER
