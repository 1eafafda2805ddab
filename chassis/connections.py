"""Connections to PostgreSQL: how they are opened, and how one that died is noticed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import psycopg2
from psycopg2 import extensions
from sqlalchemy import event, exc
from sqlalchemy.engine import Engine

from chassis.lazy_begin import LazyConnection

_USED_AT = "wangge.used_at"
# A connection that was used a moment ago is not asked whether it lives: if it died since, the work is run again.
_FRESH_SECONDS = 1.0
# The server too must notice a vanished host, or its locks stay for two hours.
# Compiling a plan costs more than any of our statements that is not a report of everything, and a plan that is made by
# the index whatever it costs (below) would be compiled each time.
SERVER_SIDE = {
    "tcp_keepalives_idle": 5, "tcp_keepalives_interval": 2, "tcp_keepalives_count": 3, "timezone": "UTC", "jit": "off",
}  # fmt: skip
_UNLIKE_BY_KEY = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
BY_KEY = dict.fromkeys(_UNLIKE_BY_KEY, "off")
"""Settings of a session whose statements name their rows by key.

A plan is made once a connection, perhaps while a table was empty, and kept until its statistics are taken again: in the
minutes between, as thousands of rows come in, it would say to read them all (measured after 5,000 incidents: 1.7 ms
where the index needs 0.04).
"""
AS_STATISTICS_SAY = ";".join(f"SET LOCAL {setting} = on" for setting in _UNLIKE_BY_KEY)
"""For a transaction that looks far and wide in such a session."""


def arguments(name: str, options: Mapping[str, object]) -> dict[str, object]:
    """What psycopg2 is to be told; ``options`` are settings of the session."""
    return {
        "connection_factory": LazyConnection,
        "application_name": name,
        "options": " ".join(f"-c {key}={value}" for key, value in options.items()),
        "connect_timeout": 5,
        # A host that vanished is noticed in 10 s instead of the kernel's 15 minutes; under eventlet libpq does not
        # watch connect_timeout, and this bounds the connect too.
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
    }


def replace_dead_ones(engine: Engine) -> None:
    """Ask a connection that lay unused for a while whether it lives, before it is given out."""

    @event.listens_for(engine, "connect")
    @event.listens_for(engine, "checkin")
    def remember_use(_dbapi_connection: Any, record: Any) -> None:
        record.info[_USED_AT] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping_when_long_unused(dbapi_connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info[_USED_AT] > _FRESH_SECONDS:
            _ping(dbapi_connection)


def _ping(dbapi_connection: Any) -> None:
    """Raises InvalidatePoolError, on which the pool opens a new connection and forgets all that are as old."""
    try:
        with dbapi_connection.cursor(cursor_factory=extensions.cursor) as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise exc.InvalidatePoolError from error
