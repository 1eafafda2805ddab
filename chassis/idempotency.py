"""Idempotency keys: the same key from the same client gets the same answer, also after a crash.

The answer is stored in the transaction of the command's effect: either both exist or neither does.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Table
from sqlalchemy.engine import Connection

from chassis.errors import ServiceError


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was answered to a key, and the fingerprint of the body it was given for."""

    fingerprint: bytes
    answer: dict[str, Any]


class KeyTaken(ServiceError):
    """Another transaction committed one of these keys meanwhile; roll back, run the whole again, and recall."""

    code, status, title, retryable = "key_taken", 409, "幂等键正被使用 · Idempotency key in use", True

    def __init__(self, keys: Sequence[str] = ()) -> None:
        super().__init__("another request with the same key was committed first")
        self.keys = tuple(keys)


def fingerprint(value: Any) -> bytes:
    """SHA-256 of a JSON value in canonical form (keys sorted), so that key order does not matter."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()


def recall(connection: Connection, table: Table, client: str, keys: Sequence[str]) -> dict[str, Remembered]:
    """What is remembered of ``keys`` for this client; unknown keys are absent."""
    if not keys:
        return {}
    rows = connection.exec_driver_sql(
        f"SELECT key, fingerprint, answer FROM {table.fullname} WHERE client = %s AND key = ANY(%s::text[])",
        (client, list(keys)),
    )
    return {key: Remembered(bytes(taken), orjson.loads(bytes(answer))) for key, taken, answer in rows}


def remember(connection: Connection, table: Table, client: str, rows: Mapping[str, Remembered]) -> None:
    """Stores answers by key in this transaction. Raises KeyTaken when a concurrent twin committed one of them first.

    A twin that has not finished is waited for.
    """
    if not rows:
        return
    # Sorted, so that two batches sharing keys wait in the same order instead of in a circle.
    keys = sorted(rows)
    stored = connection.exec_driver_sql(
        f"INSERT INTO {table.fullname} (client, key, fingerprint, answer)"
        " SELECT %s, k, f, a FROM unnest(%s::text[], %s::bytea[], %s::bytea[]) AS row(k, f, a)"
        " ON CONFLICT DO NOTHING RETURNING key",
        (client, keys, [rows[key].fingerprint for key in keys], [orjson.dumps(rows[key].answer) for key in keys]),
    )
    kept = {key for (key,) in stored}
    if len(kept) < len(keys):
        raise KeyTaken([key for key in keys if key not in kept])
