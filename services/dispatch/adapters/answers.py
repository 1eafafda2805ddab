"""The idempotency store: chassis.idempotency behind the port."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from chassis import idempotency
from services.dispatch.application.ports import KeyTaken, Remembered


class AnswerRepository:
    """Implements `application.ports.Answers`."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table

    def fingerprint(self, command: Mapping[str, Any]) -> bytes:
        """The same for two commands that say the same."""
        return idempotency.fingerprint(command)

    def recall(self, client: str, keys: Collection[str]) -> dict[str, Remembered]:
        """What was answered to these keys of this client."""
        found = idempotency.recall(self._connection, self._table, client, list(keys))
        return {key: Remembered(key, each.fingerprint, each.answer) for key, each in found.items()}

    def remember(self, client: str, rows: Sequence[Remembered]) -> None:
        """Write at once. Raises KeyTaken when a concurrent transaction answered one of the keys first."""
        answers = {row.key: idempotency.Remembered(row.fingerprint, row.answer) for row in rows}
        try:
            idempotency.remember(self._connection, self._table, client, answers)
        except idempotency.KeyTaken as taken:
            raise KeyTaken(*taken.keys) from taken
