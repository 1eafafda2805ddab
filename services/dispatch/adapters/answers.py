"""The idempotency store: chassis.idempotency behind the port."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, Table

from chassis import idempotency
from chassis.script import Script
from services.dispatch.application.ports import Key, Remembered


class AnswerRepository:
    """Implements `application.ports.Answers`."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table
        self._fresh: dict[Key, idempotency.Remembered] = {}

    def fingerprint(self, command: Mapping[str, object]) -> bytes:
        """The same for two commands that say the same."""
        return idempotency.fingerprint(command)

    def recall(self, keys: Collection[Key]) -> dict[Key, Remembered]:
        """What was answered to these keys."""
        found = idempotency.recall(self._connection, self._table, keys)
        return {key: Remembered(each.fingerprint, each.answer) for key, each in found.items()}

    def remember(self, rows: Mapping[Key, Remembered]) -> None:
        """Write with the rest. The transaction raises KeyTaken when another one answered one of the keys first."""
        self._fresh |= {key: idempotency.Remembered(row.fingerprint, row.answer) for key, row in rows.items()}

    def save(self, script: Script) -> None:
        """Add what is to be remembered to what is written."""
        idempotency.remember(script, self._table, self._fresh)
        self._fresh = {}
