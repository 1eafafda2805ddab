"""The sliding window of a relay's round, against a broker that answers as the test tells it."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from chassis.confirms import Confirms
from chassis.link import BrokerLost
from chassis.relay_window import SlidingWindow


class ScriptedLink:
    """Answers one message a step: the next tag in `order` (0 = the oldest unanswered); fails the bodies in `bad`."""

    def __init__(self, order=(), bad=(), lost_after=None):
        self.order, self.bad, self.lost_after = list(order), set(bad), lost_after
        self.published, self.open, self.most = [], [], 0

    @contextmanager
    def confirming(self):
        self.confirms = Confirms(1)
        yield self.confirms

    def corked(self):
        return nullcontext()

    def publish(self, message):
        self.published.append(int(message.body))
        self.open.append(len(self.published))
        self.most = max(self.most, len(self.open))

    def step(self, _seconds):
        if self.lost_after is not None and len(self.published) - len(self.open) >= self.lost_after:
            raise BrokerLost("gone")
        at = self.order.pop() % len(self.open) if self.order else 0
        tag = self.open.pop(at)
        error = "nacked" if self.published[tag - 1] in self.bad else None
        self.confirms.answered(tag, multiple=False, error=error)


def rows(keys):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        SimpleNamespace(
            id=number,
            order_key=key,
            message_id=uuid4(),
            exchange="x",
            routing_key="k",
            body=str(number).encode(),
            content_type="t",
            headers={},
            mandatory=True,
            traceparent=None,
            created_at=at,
        )
        for number, key in enumerate(keys)
    ]


@given(st.lists(st.sampled_from("abcde"), max_size=60), st.lists(st.integers(0, 50)), st.sets(st.integers(0, 59)))
def test_whatever_order_the_broker_answers_in_a_key_keeps_its_order_and_stops_at_its_first_failure(keys, order, bad):
    link = ScriptedLink(order, bad)
    sent = SlidingWindow(link, rows(keys), window=4).run(send_seconds=60, confirm_seconds=60)
    assert link.most <= 4
    assert sent.unanswered == []
    for key in set(keys):
        own = [number for number, each in enumerate(keys) if each == key]
        failed_at = next((place for place, number in enumerate(own) if number in bad), len(own))
        assert [number for number in link.published if keys[number] == key] == own[: failed_at + 1]
        assert [number for number in sent.confirmed if keys[number] == key] == own[:failed_at]
    assert set(sent.failed) == set(link.published) & bad


def test_after_its_time_for_sending_a_round_starts_nothing_more():
    link = ScriptedLink()
    sent = SlidingWindow(link, rows("abc"), window=4).run(send_seconds=0, confirm_seconds=60)
    assert (link.published, sent.confirmed, sent.unanswered) == ([], [], [])


def test_what_was_confirmed_before_the_broker_was_lost_counts_and_the_rest_is_unanswered():
    link = ScriptedLink(lost_after=2)
    sent = SlidingWindow(link, rows("abcd"), window=4).run(send_seconds=60, confirm_seconds=60)
    assert sent.confirmed == [0, 1]
    assert [row.id for row in sent.unanswered] == [2, 3]
