"""What follows a failed batch, with a link that only remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2 import OperationalError as DriverError
from sqlalchemy.exc import OperationalError

from chassis.errors import Conflict, Unavailable
from chassis.link import BrokerLost
from chassis.nameko.batches import Batches, Stopped, can_be_retried, infrastructure_is_away, reason
from chassis.nameko.delivery import NO_ID, Delivery, delivery_of
from chassis.topology import Subscription

SUBSCRIPTION = Subscription("sample", "counts", (), retry_seconds=(1,), max_attempts=2)


@dataclass
class RememberingLink:
    """Stands for the broker: accepts everything, unless told otherwise."""

    published: list = field(default_factory=list)
    acked: list = field(default_factory=list)
    refusal: str | None = None
    is_open: bool = True

    def publish_all(self, messages, timeout):
        del timeout
        self.published += messages
        return [self.refusal] * len(messages)

    def ack(self, tag, *, multiple=False):
        self.acked.append((tag, multiple))

    def step(self, seconds):
        del seconds


def deliveries(number, attempt=1):
    return [
        Delivery(UUID(int=tag), "k", b"{}", {}, attempt, None, None, "x", tag, pika.BasicProperties())
        for tag in range(1, number + 1)
    ]


def run(link, batch, call, abandon=lambda: False):
    Batches(link, SUBSCRIPTION, "counts", call, abandon).handle(batch, [])


def refuse(*poison):
    """A handler that fails for a batch holding one of the tags; and the tags it let through, in order."""
    through = []

    def call(batch):
        if any(delivery.tag in poison for delivery in batch):
            raise KeyError
        through.extend(delivery.tag for delivery in batch)

    return call, through


def test_a_batch_that_succeeds_is_acknowledged_once():
    link = RememberingLink()
    run(link, deliveries(500), refuse()[0])
    assert link.acked == [(500, True)]
    assert link.published == []


@given(st.integers(1, 60), st.sets(st.integers(1, 60), max_size=5))
def test_whatever_is_poison_all_others_go_through_in_order_and_exactly_the_poison_is_dead(number, poison):
    link = RememberingLink()
    call, through = refuse(*poison)
    run(link, deliveries(number), call)
    assert through == [tag for tag in range(1, number + 1) if tag not in poison]
    assert len(link.published) == len([tag for tag in poison if tag <= number])
    assert {message.routing_key for message in link.published} <= {SUBSCRIPTION.dead}
    assert link.acked[-1] == (number, True)
    assert [tag for tag, _ in link.acked] == sorted(tag for tag, _ in link.acked)


def test_one_poison_message_in_500_costs_some_twenty_calls_instead_of_500():
    calls = []

    def call(batch):
        calls.append(len(batch))
        if any(delivery.tag == 123 for delivery in batch):
            raise KeyError

    run(RememberingLink(), deliveries(500), call)
    assert len(calls) <= 21


def test_a_retryable_failure_goes_to_the_retry_queue_with_its_attempt_counted_and_its_route_kept():
    link = RememberingLink()

    def call(_batch):
        raise NotYet

    run(link, deliveries(1), call)
    [message] = link.published
    assert message.routing_key == "sample.counts.retry.1s"
    assert message.properties.headers == {
        "x-wangge-attempt": 2,
        "x-wangge-error": "NotYet: not_yet",
        "x-wangge-exchange": "x",
        "x-wangge-routing-key": "k",
    }
    assert message.properties.delivery_mode == 2


def test_the_last_attempt_ends_in_the_dead_queue():
    link = RememberingLink()

    def call(_batch):
        raise NotYet

    run(link, deliveries(1, attempt=2), call)
    assert [message.routing_key for message in link.published] == ["sample.counts.dead"]


def test_a_message_that_the_dead_queue_does_not_take_is_not_acknowledged():
    link = RememberingLink(refusal="returned 312 NO_ROUTE")
    with pytest.raises(BrokerLost, match="NO_ROUTE"):
        run(link, deliveries(1), refuse(1)[0])
    assert link.acked == []


def test_while_the_database_is_away_the_same_batch_is_tried_again_and_nothing_is_given_back():
    link = RememberingLink()
    answers = [Unavailable("away"), Unavailable("away"), None]
    sizes = []

    def call(batch):
        sizes.append(len(batch))
        if answer := answers.pop(0):
            raise answer

    run(link, deliveries(10), call)
    assert sizes == [10, 10, 10]
    assert (link.published, link.acked) == ([], [(10, True)])


def test_a_drain_does_not_wait_for_a_database_that_is_away():
    link = RememberingLink()

    def call(_batch):
        raise Unavailable

    with pytest.raises(Stopped):
        run(link, deliveries(1), call, abandon=lambda: True)
    assert (link.published, link.acked) == ([], [])


class NotYet(Conflict):
    code, retryable = "not_yet", True


class Driver(DriverError):
    """As psycopg2 raises it, with the server's code."""

    def __init__(self, code):
        super().__init__("text")
        self.code = code

    @property
    def pgcode(self):
        return self.code


def database_error(code):
    return OperationalError("SELECT", {}, Driver(code))


@pytest.mark.parametrize(
    ("failure", "away", "retried"),
    [
        (Unavailable(), True, True),
        (database_error(None), True, True),
        (database_error("57P01"), True, True),
        (database_error("57014"), False, True),
        (database_error("40P01"), False, True),
        (NotYet(), False, True),
        (Conflict(), False, False),
        (KeyError("x"), False, False),
    ],
)
def test_failures_of_the_database_are_told_from_those_of_the_message(failure, away, retried):
    assert infrastructure_is_away(failure) is away
    assert can_be_retried(failure) is retried


def test_a_statement_that_timed_out_is_the_message_s_own_affair_also_behind_unavailable():
    failure = Unavailable("too slow")
    failure.__cause__ = database_error("57014")
    assert not infrastructure_is_away(failure)
    assert can_be_retried(failure)


def test_the_reason_of_an_unexpected_error_names_its_place_and_not_its_text():
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("张三 13800138000")
    told = reason(caught.value)
    assert told.startswith("ValueError at test_batches.py:")
    assert "13800138000" not in told


@dataclass
class Method:
    routing_key: str = "queue"
    exchange: str = ""
    delivery_tag: int = 1


@pytest.mark.parametrize("attempt", ["2", 0, None, -1])
def test_an_attempt_that_is_no_positive_number_makes_a_message_undecodable(attempt):
    properties = pika.BasicProperties(message_id=str(UUID(int=1)), headers={"x-wangge-attempt": attempt})
    assert delivery_of(Method(), properties, b"")[1] is not None


def test_a_retried_delivery_shows_its_first_route():
    properties = pika.BasicProperties(
        message_id=str(UUID(int=1)),
        headers={"x-wangge-attempt": 2, "x-wangge-exchange": "registry.events", "x-wangge-routing-key": "wangge.x.v1"},
    )
    delivery, error = delivery_of(Method(), properties, b"")
    assert error is None
    assert (delivery.attempt, delivery.exchange, delivery.routing_key) == (2, "registry.events", "wangge.x.v1")


@pytest.mark.parametrize("message_id", [None, "", "abc"])
def test_a_delivery_without_a_usable_id_is_undecodable(message_id):
    delivery, error = delivery_of(Method(), pika.BasicProperties(message_id=message_id), b"")
    assert delivery.message_id == NO_ID
    assert "message_id" in str(error)
