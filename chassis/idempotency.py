"""Idempotency keys: the same key from the same client gets the same answer, also after a crash.

The answer is stored in the transaction of the command's effect: either both exist or neither does.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Table
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from chassis.prepared import ask
from chassis.script import Executes

Key = tuple[str, str]
"""(client, key): a key belongs to the client that made it."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was answered to a key, and the fingerprint of the body it was given for."""

    fingerprint: bytes
    answer: dict[str, Any]


def fingerprint(value: Any) -> bytes:
    """SHA-256 of a JSON value in canonical form (keys sorted), so that key order does not matter."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()


def recall(
    connection: Connection, table: Table, keys: Collection[Key], beside: Sequence[str] = ()
) -> tuple[dict[Key, Remembered], tuple[Any, ...]]:
    """What is remembered of ``keys`` (unknown ones are absent), and the values of the SQL expressions ``beside``.

    Every command begins by asking both: what it has to know besides travels in the same round trip.
    """
    clients, names = zip(*keys, strict=True) if keys else ((), ())
    rows = ask(
        connection,
        f"SELECT {''.join(each + ', ' for each in beside)}client, key, fingerprint, answer"
        " FROM (SELECT) AS always LEFT JOIN (SELECT client, key, fingerprint, answer"
        f" FROM {table.fullname}"
        " JOIN unnest(%s::text[], %s::text[]) AS asked(client, key) USING (client, key)) AS known"
        " ON true",
        (list(clients), list(names)),
    ).all()
    known = (row[len(beside) :] for row in rows)
    found = {
        (client, key): Remembered(bytes(taken), orjson.loads(bytes(answer)))
        for client, key, taken, answer in known
        if key is not None
    }
    return found, tuple(rows[0][: len(beside)])


def remember(connection: Executes, table: Table, rows: Mapping[Key, Remembered]) -> None:
    """Stores answers by key in this transaction.

    When a concurrent twin has committed one of the keys first, this raises the unique violation that ``is_taken``
    knows, at once or when the script that it is part of is run; a twin that has not finished is waited for.
    """
    if not rows:
        return
    # Sorted, so that two batches sharing keys wait in the same order instead of in a circle.
    keys = sorted(rows)
    connection.exec_driver_sql(
        f"INSERT INTO {table.fullname} (client, key, fingerprint, answer)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::bytea[], %s::bytea[])",
        (
            [client for client, _ in keys],
            [key for _, key in keys],
            [rows[key].fingerprint for key in keys],
            [orjson.dumps(rows[key].answer) for key in keys],
        ),
    )


def is_taken(error: IntegrityError, table: Table) -> bool:
    """Whether the transaction failed because a twin had answered one of its keys: run it again, and recall."""
    violated = getattr(getattr(error.orig, "diag", None), "table_name", None)
    return violated == table.name
