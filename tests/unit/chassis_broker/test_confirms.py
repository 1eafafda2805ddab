"""The account of what the broker answered about each published message."""

from __future__ import annotations

import pika
from hypothesis import given
from hypothesis import strategies as st

from chassis.confirms import UNCONFIRMED, Confirms, Message


def messages(number):
    return [Message("x", "k", b"", pika.BasicProperties(message_id=str(each))) for each in range(number)]


def test_an_acknowledgement_of_several_settles_all_before_it():
    confirms = Confirms(11, messages(5))
    confirms.answered(13, multiple=True, error=None)
    assert confirms.outcomes == [None, None, None, UNCONFIRMED, UNCONFIRMED]
    assert confirms.waiting == 2


def test_a_returned_message_is_not_published_although_it_is_confirmed():
    confirms = Confirms(1, messages(3))
    confirms.returned("1", "returned 312 NO_ROUTE")
    confirms.answered(3, multiple=True, error=None)
    assert confirms.outcomes == [None, "returned 312 NO_ROUTE", None]
    assert confirms.waiting == 0


def test_a_nack_is_the_message_s_own():
    confirms = Confirms(1, messages(2))
    confirms.answered(2, multiple=False, error="nacked")
    confirms.answered(1, multiple=False, error=None)
    assert confirms.outcomes == [None, "nacked"]


def test_answers_about_earlier_publishes_are_not_mixed_in():
    confirms = Confirms(100, messages(2))
    confirms.answered(99, multiple=True, error=None)
    confirms.answered(42, multiple=False, error=None)
    assert confirms.waiting == 2


def test_a_single_message_needs_no_id_to_be_recognised_when_it_returns():
    confirms = Confirms(1, [Message("x", "k", b"", pika.BasicProperties())])
    confirms.returned(None, "returned 312 NO_ROUTE")
    confirms.answered(1, multiple=False, error=None)
    assert confirms.outcomes == ["returned 312 NO_ROUTE"]


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans(), st.booleans())))
def test_however_the_broker_answers_each_message_is_counted_once(answers):
    confirms = Confirms(1, messages(20))
    expected = [UNCONFIRMED] * 20
    for tag, multiple, nack in answers:
        error = "nacked" if nack else None
        confirms.answered(tag, multiple=multiple, error=error)
        for index in range(tag) if multiple else [tag - 1]:
            if expected[index] == UNCONFIRMED:
                expected[index] = error
    assert confirms.outcomes == expected
    assert confirms.waiting == expected.count(UNCONFIRMED)
