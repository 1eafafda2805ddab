"""How the rows of one round leave: a sliding window of unconfirmed messages, in order per aggregate.

A row follows the one before it of the same ``order_key`` only when that one is confirmed; rows of other keys do not
wait for either. So a failed row holds back its own successors only, and the window stays full when keys repeat.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis.confirms import Confirms
from chassis.link import BrokerLost, Link
from chassis.outbox_rows import message_of


@dataclass(slots=True)
class Sent:
    """What became of the rows that were published: ids of the confirmed, errors of the failed, rows without answer."""

    confirmed: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    unanswered: list[Any] = field(default_factory=list)


class SlidingWindow:
    """One round: ``rows`` in their order, at most ``window`` of them unconfirmed."""

    def __init__(self, link: Link, rows: Sequence[Any], window: int) -> None:
        self._link = link
        self._window = window
        self._ready: deque[Any] = deque()
        self._behind: dict[str, deque[Any]] = {}
        self._published: list[Any] = []
        self._sent = Sent()
        for row in rows:
            if (waiting := self._behind.get(row.order_key)) is None:
                self._behind[row.order_key] = deque()
                self._ready.append(row)
            else:
                waiting.append(row)

    def run(self, *, send_seconds: float, confirm_seconds: float) -> Sent:
        """Start no message after ``send_seconds``, wait for no confirm after ``confirm_seconds``.

        Rows not started are in no list. A lost broker ends the round; who is interested looks at ``link.lost``.
        """
        began = time.monotonic()
        try:
            with self._link.confirming() as confirms:
                try:
                    self._exchange(confirms, began + send_seconds, began + confirm_seconds)
                finally:
                    self._settle(confirms)
                    self._sent.unanswered = [row for row in self._published if row is not None]
        except BrokerLost:
            pass
        return self._sent

    def _exchange(self, confirms: Confirms, send_until: float, confirm_until: float) -> None:
        while True:
            now = time.monotonic()
            # A quarter of the window at once: many frames share one write.
            if self._ready and now < send_until and confirms.waiting <= self._window * 3 // 4:
                self._fill(confirms)
            if not confirms.waiting or now >= confirm_until:
                return
            self._link.step(confirm_until - now)
            self._settle(confirms)

    def _fill(self, confirms: Confirms) -> None:
        with self._link.corked():
            for _ in range(min(self._window - confirms.waiting, len(self._ready))):
                row = self._ready.popleft()
                message = message_of(row)
                self._link.publish(message)
                confirms.expect(message)
                self._published.append(row)

    def _settle(self, confirms: Confirms) -> None:
        for index in confirms.take_settled():
            row, self._published[index] = self._published[index], None
            if (error := confirms.outcomes[index]) is not None:
                self._sent.failed[row.id] = error
                continue
            self._sent.confirmed.append(row.id)
            if behind := self._behind[row.order_key]:
                self._ready.append(behind.popleft())
