"""The idempotency store: chassis.idempotency behind the port."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, Table

from chassis import idempotency
from chassis.script import Script
from services.dispatch.adapters.moment import OPENING
from services.dispatch.application.ports import Key, Remembered


class AnswerRepository:
    """Implements `application.ports.Answers`."""

    def __init__(self, connection: Connection, table: Table, opened: Callable[[datetime, int], None]) -> None:
        self._connection = connection
        self._table = table
        self._opened = opened
        self._fresh: dict[Key, idempotency.Remembered] = {}

    def fingerprint(self, command: Mapping[str, object]) -> bytes:
        """The same for two commands that say the same."""
        return idempotency.fingerprint(command)

    def recall(self, keys: Collection[Key]) -> dict[Key, Remembered]:
        """What was answered to these keys. Tells the unit of work the time and the newest revision, as they are now."""
        found, (now, revision) = idempotency.recall(self._connection, self._table, keys, beside=OPENING)
        self._opened(now, revision)
        return {key: Remembered(each.fingerprint, each.answer) for key, each in found.items()}

    def remember(self, rows: Mapping[Key, Remembered]) -> None:
        """Write with the rest. The transaction raises KeyTaken when another one answered one of the keys first."""
        self._fresh |= {key: idempotency.Remembered(row.fingerprint, row.answer) for key, row in rows.items()}

    def save(self, script: Script) -> None:
        """Add what is to be remembered to what is written."""
        idempotency.remember(script, self._table, self._fresh)
        self._fresh = {}
