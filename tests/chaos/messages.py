"""Messages as a careless or hostile partner sends them: nonsense, poison, the same again, in the wrong order."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from typing import Any

import pika
import pika.exceptions

from tests.chaos.dice import dice_of
from tests.chaos.journal import Journal
from tests.chaos.stack import HERE, ChaosStack
from tests.chaos.watching import REPLIES
from tests.support.eventually import eventually

COMMANDS, GRID_TREE = "dispatch.commands", "dispatch.grid-tree"
SEND_SECONDS = 40.0


class Partner:
    """Publishes straight to the broker with confirms; tries again with the same message id until it has one."""

    def __init__(self, stack: ChaosStack, journal: Journal, seed: int) -> None:
        self._stack = stack
        self._journal = journal
        self._dice = dice_of(seed, "partner")
        self._commands: list[tuple[str, bytes]] = []
        self._grids: list[tuple[str, bytes]] = []

    def poison(self) -> int:
        """Three bodies that nobody can decode for each queue, an event of no known type, and a command of none.

        This and the others: how many messages the broker confirmed.
        """
        garbage = [b"\xff\xfe\x00", b"{", b"[1, 2]"]
        unknown = {"specversion": "1.0", "type": "wangge.registry.grid.exploded.v1", "data": {}}
        batch = [(COMMANDS, self._id(), body, "undecodable") for body in garbage]
        batch += [(GRID_TREE, self._id(), body, "undecodable") for body in (*garbage, json.dumps(unknown).encode())]
        nonsense = {"command": "incident.explode", "key": f"amqp-{self._id()}", "data": {}}
        batch.append((COMMANDS, self._id(), json.dumps(nonsense).encode(), "refused"))
        return self._send(batch)

    def commands(self) -> int:
        """Good commands, each with an answer to be had, some of them twice at once."""
        for _ in range(5):
            draft = {
                "source": "sensor", "category": "gas_leak", "priority": 2, "location": dict(HERE),
                "summary": f"amqp-{self._id()}",
            }  # fmt: skip
            body = json.dumps({"command": "incident.create", "key": draft["summary"], "data": draft}).encode()
            self._commands.append((self._id(), body))
        return self._send([(COMMANDS, *each, "good") for each in self._commands[-5:]])

    def again(self) -> int:
        """Commands and registry events that were sent before, doubled and shuffled: all of it must change nothing."""
        if not self._commands:
            self.commands()
        chosen = self._dice.choices(self._commands, k=10)
        batch = [(COMMANDS, *each, "good") for each in chosen]
        known = [(e["id"], json.dumps(e["body"]).encode()) for e in self._journal.of("event") if e["body"]]
        if known:
            batch += [(GRID_TREE, *each, "good") for each in self._dice.choices(known, k=20)]
        self._dice.shuffle(batch)
        return self._send(batch)

    def _id(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))

    def _send(self, batch: list[tuple[str, str, bytes, str]]) -> int:
        left = list(batch)

        def sent() -> bool:
            try:
                self._publish(left)
            except (pika.exceptions.AMQPError, OSError):
                return False
            return True

        with suppress(AssertionError):
            eventually(sent, within=SEND_SECONDS, every=0.5)
        # What the broker would not take was never sent; what it made of that is seen when all is to come to rest.
        return len(batch) - len(left)

    def _publish(self, left: list[tuple[str, str, bytes, str]]) -> None:
        parameters = pika.URLParameters(self._stack.broker_url)
        parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = 5
        with pika.BlockingConnection(parameters) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            while left:
                queue, message_id, body, sort = left[0]
                properties = pika.BasicProperties(
                    message_id=message_id, correlation_id=message_id, reply_to=REPLIES if queue == COMMANDS else None,
                    delivery_mode=2, content_type="application/json",
                )  # fmt: skip
                channel.basic_publish("", queue, body, properties, mandatory=True)
                self._journal.add("sent", queue=queue, id=message_id, sort=sort, summary=summary_of(body, sort))
                left.pop(0)


def summary_of(body: bytes, sort: str) -> str | None:
    """By which the incident of a good command is found again."""
    told: Any = json.loads(body) if sort == "good" else {}
    return told.get("data", {}).get("summary")
