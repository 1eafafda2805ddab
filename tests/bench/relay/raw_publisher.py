"""What pika can do: its own connection and loop, messages made beforehand, nothing awaited but the confirms."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pika

from chassis.link import Message


class RawPublisher:
    """Publishes `messages` with never more than `window` unconfirmed; `run` gives the seconds to the last confirm."""

    def __init__(self, url: str, messages: Sequence[Message], window: int) -> None:
        self._messages = messages
        self._window = window
        self._sent = self._confirmed = 0
        # Confirms come for one message or for all up to it, and not always in order.
        self._floor, self._above = 0, set[int]()
        self._seconds = 0.0
        self._begin = 0.0
        self._channel: pika.channel.Channel | None = None
        self._connection = pika.SelectConnection(
            pika.URLParameters(url),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._on_channel),
            on_close_callback=lambda connection, _reason: connection.ioloop.stop(),
        )

    def run(self) -> float:
        try:
            self._connection.ioloop.start()
        finally:
            self._connection.ioloop.close()
        assert self._confirmed == len(self._messages)
        return self._seconds

    def _on_channel(self, channel: pika.channel.Channel) -> None:
        self._channel = channel
        channel.confirm_delivery(self._on_confirm, callback=self._start)

    def _start(self, _frame: object) -> None:
        self._begin = time.perf_counter()
        self._fill()

    def _fill(self) -> None:
        upto = min(self._confirmed + self._window, len(self._messages))
        for message in self._messages[self._sent : upto]:
            self._channel.basic_publish(
                message.exchange, message.routing_key, message.body, message.properties, message.mandatory
            )
        self._sent = upto

    def _on_confirm(self, frame: pika.frame.Method) -> None:
        assert isinstance(frame.method, pika.spec.Basic.Ack)
        tag = frame.method.delivery_tag
        if frame.method.multiple:
            self._floor = max(self._floor, tag)
            self._above = {each for each in self._above if each > self._floor}
        else:
            self._above.add(tag)
        while self._floor + 1 in self._above:
            self._floor += 1
            self._above.discard(self._floor)
        self._confirmed = self._floor + len(self._above)
        if self._confirmed == len(self._messages):
            self._seconds = time.perf_counter() - self._begin
            self._connection.close()
        elif self._confirmed >= self._sent - self._window // 2:
            self._fill()
