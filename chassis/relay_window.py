"""How the rows of one round leave: a sliding window of unconfirmed messages, in order per aggregate.

A row follows the one before it of the same ``order_key`` only when that one is confirmed; rows of other keys do not
wait for either. So a failed row holds back its own successors only, and the window stays full when keys repeat.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from chassis.confirms import Confirms
from chassis.link import BrokerLost, Link
from chassis.outbox_frames import Unencodable, encoder
from chassis.outbox_rows import OutboxRow


@dataclass(slots=True)
class Sent:
    """What became of the rows: ids of the confirmed and how many by exchange, errors of the failed, the unanswered."""

    confirmed: list[int] = field(default_factory=list)
    exchanges: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[OutboxRow, str]] = field(default_factory=list)
    unanswered: list[OutboxRow] = field(default_factory=list)


More = Callable[[], Iterable[OutboxRow]]


class SlidingWindow:
    """One round: ``rows`` in their order and what ``more`` adds to them, at most ``window`` of them unconfirmed.

    ``more`` is called whenever fewer rows than a window are ready, always after something was sent: what it has the
    database do costs no time while the broker works on the window. It returns nothing when there is nothing more.
    """

    def __init__(self, link: Link, rows: Iterable[OutboxRow], window: int, more: More = tuple) -> None:
        self._link = link
        self._window = window
        self._more: More | None = more
        self._encode = encoder(link.channel_number, link.frame_limit)
        self._ready: deque[OutboxRow] = deque()
        # A key is here while a row of it is ready, on its way or failed.
        self._behind: dict[str, deque[OutboxRow]] = {}
        self._published: list[OutboxRow | None] = []
        self.sent = Sent()
        self._add(rows)

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
                    self.sent.unanswered = [row for row in self._published if row is not None]
        except BrokerLost:
            pass
        return self.sent

    def _exchange(self, confirms: Confirms, send_until: float, confirm_until: float) -> None:
        while True:
            now = time.monotonic()
            sending = now < send_until
            if sending and self._ready and self._has_room(confirms):
                self._fill(confirms)
                self._step(confirms, 0)
            if sending and self._more is not None and len(self._ready) < self._window:
                self._top_up(self._more)
                if self._has_room(confirms):
                    continue
            if not confirms.waiting:
                return
            # At the end of its time, too: the answers may have come while the database was slow.
            self._step(confirms, max(0.0, confirm_until - now))
            if now >= confirm_until:
                return

    def _has_room(self, confirms: Confirms) -> bool:
        # A quarter of the window at once: many frames share one write.
        return confirms.waiting <= self._window * 3 // 4

    def _step(self, confirms: Confirms, seconds: float) -> None:
        self._link.step(seconds)
        self._settle(confirms)

    def _add(self, rows: Iterable[OutboxRow]) -> None:
        for row in rows:
            if (waiting := self._behind.get(row.order_key)) is None:
                self._behind[row.order_key] = deque()
                self._ready.append(row)
            else:
                waiting.append(row)

    def _top_up(self, more: More) -> None:
        rows = list(more())
        if not rows:
            self._more = None
        self._add(rows)

    def _fill(self, confirms: Confirms) -> None:
        publishes: list[bytes] = []
        for _ in range(min(self._window - confirms.waiting, len(self._ready))):
            row = self._ready.popleft()
            try:
                publishes.append(self._encode(row))
            except Unencodable as error:
                self.sent.failed.append((row, str(error)))
                continue
            confirms.expect(row.message_id)
            self._published.append(row)
        self._link.publish_encoded(publishes)

    def _settle(self, confirms: Confirms) -> None:
        for index in confirms.take_settled():
            row, self._published[index] = self._published[index], None
            if row is None:
                continue
            if (error := confirms.outcomes[index]) is not None:
                self.sent.failed.append((row, error))
                continue
            self.sent.confirmed.append(row.id)
            self.sent.exchanges[row.exchange] += 1
            if behind := self._behind[row.order_key]:
                self._ready.append(behind.popleft())
            else:
                del self._behind[row.order_key]
