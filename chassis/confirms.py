"""Messages to publish, and the account of what the broker answered about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pika

UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Message:
    """What is handed to the broker; ``message_id`` must be unique within one ``publish_all``."""

    exchange: str
    routing_key: str
    body: bytes
    properties: Any = field(default_factory=pika.BasicProperties)
    mandatory: bool = True


class Confirms:
    """Which published messages the broker has answered, and how.

    A message that no queue takes is confirmed all the same; only the return that comes before tells.
    """

    def __init__(self, first_tag: int, messages: Sequence[Message] = ()) -> None:
        self.first_tag = first_tag
        self.outcomes: list[str | None] = []
        self.waiting = 0
        self._next = 0
        self._settled: list[int] = []
        self._returned: dict[int, str] = {}
        self._index: dict[str | None, int] = {}
        for message in messages:
            self.expect(message.properties.message_id)

    def expect(self, message_id: str | None) -> None:
        """One more was published; the tags of those expected here follow one another from ``first_tag`` on."""
        self._index[message_id] = len(self.outcomes)
        self.outcomes.append(UNCONFIRMED)
        self.waiting += 1

    def take_settled(self) -> list[int]:
        """Places (in the order of publishing) of those answered since the last call."""
        settled, self._settled = self._settled, []
        return settled

    def returned(self, message_id: str | None, reason: str) -> None:
        index = 0 if len(self.outcomes) == 1 else self._index.get(message_id)
        if index is not None:
            self._returned[index] = reason

    def answered(self, tag: int, *, multiple: bool, error: str | None) -> None:
        last = tag - self.first_tag
        if last >= len(self.outcomes):
            return
        for index in range(self._next, last + 1) if multiple else (last,):
            if index >= 0 and self.outcomes[index] == UNCONFIRMED:
                self.outcomes[index] = error or self._returned.get(index)
                self.waiting -= 1
                self._settled.append(index)
        while self._next < len(self.outcomes) and self.outcomes[self._next] != UNCONFIRMED:
            self._next += 1
