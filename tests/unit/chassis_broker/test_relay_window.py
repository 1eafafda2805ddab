"""The sliding window of a relay's round, against a broker that answers as the test tells it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from types import SimpleNamespace
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from chassis.confirms import Confirms
from chassis.link import BrokerLost
from chassis.outbox_rows import OutboxRow
from chassis.relay_window import SlidingWindow

BODY = re.compile(rb"\x03\x00\x01.{4}(\d+)\xce", re.DOTALL)


class ScriptedLink:
    """Answers one message a step: the next tag in `order` (0 = the oldest unanswered); fails the bodies in `bad`."""

    channel_number, frame_limit = 1, 131_072

    def __init__(self, order=(), bad=(), lost_after=None):
        self.order, self.bad, self.lost_after = list(order), set(bad), lost_after
        self.published, self.open, self.most = [], [], 0

    @contextmanager
    def confirming(self):
        self.confirms = Confirms(1)
        yield self.confirms

    def publish_encoded(self, publishes):
        for publish in publishes:
            self.published.append(int(BODY.search(publish)[1]))
            self.open.append(len(self.published))
        self.most = max(self.most, len(self.open))

    def step(self, seconds):
        if self.lost_after is not None and len(self.published) - len(self.open) >= self.lost_after:
            raise BrokerLost("gone")
        if not seconds:
            return
        at = self.order.pop() % len(self.open) if self.order else 0
        tag = self.open.pop(at)
        error = "nacked" if self.published[tag - 1] in self.bad else None
        self.confirms.answered(tag, multiple=False, error=error)


def rows(keys):
    return [
        OutboxRow(number, key, str(uuid4()), "x", "k", True, "t", "{}", None, 1, 0, str(number).encode())
        for number, key in enumerate(keys)
    ]


def in_pieces(every, size):
    """The first piece, and what hands out the others."""
    pieces = [every[start : start + size] for start in range(0, len(every), size)]
    return (pieces.pop(0) if pieces else []), lambda: pieces.pop(0) if pieces else []


@given(
    st.lists(st.sampled_from("abcde"), max_size=60),
    st.lists(st.integers(0, 50)),
    st.sets(st.integers(0, 59)),
    st.integers(1, 60),
)
def test_whatever_order_the_broker_answers_in_a_key_keeps_its_order_and_stops_at_its_first_failure(
    keys, order, bad, piece
):
    link = ScriptedLink(order, bad)
    first, more = in_pieces(rows(keys), piece)
    sent = SlidingWindow(link, first, 4, more).run(send_seconds=60, confirm_seconds=60)
    assert link.most <= 4
    assert sent.unanswered == []
    for key in set(keys):
        own = [number for number, each in enumerate(keys) if each == key]
        failed_at = next((place for place, number in enumerate(own) if number in bad), len(own))
        assert [number for number in link.published if keys[number] == key] == own[: failed_at + 1]
        assert [number for number in sent.confirmed if keys[number] == key] == own[:failed_at]
    assert {row.id for row, _ in sent.failed} == set(link.published) & bad


def test_after_its_time_for_sending_a_round_starts_nothing_more():
    link = ScriptedLink()
    sent = SlidingWindow(link, rows("abc"), window=4).run(send_seconds=0, confirm_seconds=60)
    assert (link.published, sent.confirmed, sent.unanswered) == ([], [], [])


def test_what_was_confirmed_before_the_broker_was_lost_counts_and_the_rest_is_unanswered():
    link = ScriptedLink(lost_after=2)
    sent = SlidingWindow(link, rows("abcd"), window=4).run(send_seconds=60, confirm_seconds=60)
    assert sent.confirmed == [0, 1]
    assert [row.id for row in sent.unanswered] == [2, 3]


def test_a_row_that_no_message_can_carry_fails_alone_and_holds_back_its_key():
    link = ScriptedLink()
    every = rows("aabc")
    every[0] = every[0]._replace(routing_key="k" * 256)
    sent = SlidingWindow(link, every, window=4).run(send_seconds=60, confirm_seconds=60)
    assert sent.confirmed == [2, 3]
    assert [(row.id, error) for row, error in sent.failed] == [(0, "unencodable ShortStringTooLong")]


def test_more_rows_are_asked_for_only_when_the_broker_has_something_to_do():
    link = ScriptedLink()
    first, rest = in_pieces(rows([str(number) for number in range(60)]), 8)
    open_when_asked = []

    def more():
        open_when_asked.append(len(link.open))
        return rest()

    sent = SlidingWindow(link, first, 8, more).run(send_seconds=60, confirm_seconds=60)
    assert len(sent.confirmed) == 60
    assert min(open_when_asked[:-1]) >= 6


def test_an_answer_that_came_while_the_database_was_slow_counts_also_at_the_end_of_the_time(monkeypatch):
    now = 0.0
    monkeypatch.setattr("chassis.relay_window.time", SimpleNamespace(monotonic=lambda: now))
    link = ScriptedLink()
    steps = []

    def step(seconds):
        steps.append(seconds)
        if now:
            link.confirms.answered(3, multiple=True, error=None)

    def slow():
        nonlocal now
        now = 10.0
        return []

    monkeypatch.setattr(link, "step", step)
    sent = SlidingWindow(link, rows("abc"), 4, slow).run(send_seconds=1, confirm_seconds=4)
    assert (sent.confirmed, sent.unanswered) == ([0, 1, 2], [])
    assert steps == [0, 0.0]
