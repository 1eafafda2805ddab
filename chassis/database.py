"""PostgreSQL through psycopg2: the engine, the chassis's own tables, and the unit of work.

psycopg2 because it yields under eventlet (see docs on nameko traps); the same engine serves a plain process.
"""

import os
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

import orjson
import psycopg2.extensions
import sqlalchemy as sa
from sqlalchemy import event, exc, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Engine, make_url

from chassis import connections, metrics
from chassis.errors import Unavailable
from chassis.logs import get_logger
from chassis.scope import SETTING, scoped
from chassis.script import COMMIT_SENT, Executes

T = TypeVar("T")
AfterCommit = Callable[[], None]

RELAY_PORT = "wangge.relay_port"
_AFTER_COMMIT = "wangge.after_commit"
CLASHES = frozenset({"40001", "40P01"})
_ALWAYS: dict[str, Any] = {
    "max_overflow": 2, "pool_timeout": 5, "pool_recycle": 1800, "pool_use_lifo": True, "hide_parameters": True,
    "json_serializer": lambda value: orjson.dumps(value).decode(), "json_deserializer": orjson.loads,
}  # fmt: skip
"""What every engine of ours has."""
# Connection failures, too many connections or no disk, shut-down, a read-only stand-by, and the time-outs set below.
_AWAY = re.compile(r"08...|53...|57P0[1-3]|57014|55P03|25P0[34]|25006")
# A queue's rows live for milliseconds: without this dead rows pile up until the claim reads thousands of them.
_QUEUE_STORAGE = "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000"
QUEUE_STORAGE_SQL = tuple(f"ALTER TABLE {table} SET ({_QUEUE_STORAGE})" for table in ("outbox", "deadline"))
"""Statements for a service's first migration, after the tables: SQLAlchemy has no word for storage parameters."""

_log = get_logger()


@dataclass(frozen=True, slots=True)
class ChassisTables:
    """The tables every service owns for the chassis."""

    outbox: sa.Table
    inbox: sa.Table
    idempotency: sa.Table
    deadline: sa.Table


_MOMENT = sa.DateTime(timezone=True)


def chassis_tables(metadata: sa.MetaData) -> ChassisTables:
    """Adds outbox, inbox, idempotency and deadline to a service's metadata, so that its migrations make them."""
    return ChassisTables(_outbox(metadata), _inbox(metadata), _idempotency(metadata), _deadline(metadata))


def _outbox(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "outbox",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("message_id", sa.Uuid, nullable=False),
        sa.Column("exchange", sa.Text, nullable=False),
        sa.Column("routing_key", sa.Text, nullable=False),
        sa.Column("order_key", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("headers", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("mandatory", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("traceparent", sa.Text),
        sa.Column("created_at", _MOMENT, nullable=False, server_default=func.clock_timestamp()),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("not_before", _MOMENT),
        sa.Column("last_error", sa.Text),
        # Few rows, ever: what holds back later messages of the same order key.
        sa.Index("ix_outbox_held_back", "order_key", "id", postgresql_where=sa.text("not_before IS NOT NULL")),
    )


def _inbox(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "inbox",
        metadata,
        sa.Column("handler", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Uuid, primary_key=True),
        sa.Column("received_at", _MOMENT, nullable=False, server_default=func.clock_timestamp(), index=True),
    )


def _idempotency(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "idempotency",
        metadata,
        sa.Column("client", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("recorded_at", _MOMENT, nullable=False, server_default=func.clock_timestamp()),
        # Rows lie in the order of their age: which parts of a month of answers are old enough to go is known from a
        # few kilobytes. Without it the cleaner would read them all each time.
        sa.Index(
            "ix_idempotency_recorded_at",
            "recorded_at",
            postgresql_using="brin",
            postgresql_with={"autosummarize": "on"},
        ),
    )


def _deadline(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "deadline",
        metadata,
        sa.Column("subject", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("due_at", _MOMENT, nullable=False, index=True),
    )


def create_engine(  # noqa: PLR0913 (what a session can be, each with its usual value)
    url: str,
    *,
    name: str,
    pool_size: int = 10,
    statement_timeout_ms: int = 15_000,
    idle_in_transaction_timeout_ms: int = 5_000,
    lock_timeout_ms: int = 5_000,
    relay_port: int | None = None,
    scope: str | None = None,
    by_key: bool = False,
) -> Engine:
    """An engine whose every session has time-outs; ``name`` is what the database shows as the application.

    ``relay_port`` (default: WANGGE_RELAY_PORT) is where ``outbox.put`` nudges the relay after a commit.
    ``scope`` is that of every session, for processes that act for nobody in particular (``chassis.scope``).
    ``by_key`` is for those whose work names its rows: plans go by the index (``chassis.connections``).
    Statements' parameters never appear in errors: they may be personal.
    """
    options = {
        "statement_timeout": statement_timeout_ms,
        "lock_timeout": lock_timeout_ms,
        # A frozen process must not hold its rows: the server ends its session.
        "idle_in_transaction_session_timeout": idle_in_transaction_timeout_ms,
        **connections.SERVER_SIDE,
        **(connections.BY_KEY if by_key else {}),
        **({} if scope is None else {SETTING: scope}),
    }
    engine = sa.create_engine(
        make_url(url).set(drivername="postgresql+psycopg2"),
        pool_size=pool_size,
        **_ALWAYS,
        connect_args=connections.arguments(name, options),
    )
    port = relay_port if relay_port is not None else int(os.environ.get("WANGGE_RELAY_PORT") or 0)
    _remember_relay_port(engine, port)
    connections.replace_dead_ones(engine)
    return engine


def _remember_relay_port(engine: Engine, port: int) -> None:
    @event.listens_for(engine, "connect")
    def remember(_dbapi_connection: Any, record: Any) -> None:
        record.info[RELAY_PORT] = port


def check_wait_callback(expected: bool) -> None:  # noqa: FBT001 (the name of the function is the question)
    """Start-up check: raises RuntimeError unless psycopg2 yields to eventlet exactly when ``expected``.

    Not set in a nameko process, one query would stop the whole service; set in a plain process, nothing would run it.
    """
    present = psycopg2.extensions.get_wait_callback() is not None
    if present != expected:
        raise RuntimeError(
            "psycopg2 has no wait callback: eventlet.monkey_patch() must come before any other import"
            if expected
            else "psycopg2 has a wait callback in a process that must run without eventlet"
        )


def database_now(connection: Connection) -> datetime:
    """The database's clock at this moment (not the transaction's start); the only judge of deadlines."""
    return cast("datetime", connection.execute(sa.select(func.clock_timestamp())).scalar_one())


def after_commit(connection: Executes, key: str, hook: AfterCommit) -> None:
    """Runs ``hook`` once ``in_transaction`` has committed; one hook per key. It is best effort and must be quick."""
    connection.info.setdefault(_AFTER_COMMIT, {})[key] = hook


def run_after_commit(connection: Connection) -> None:
    """Runs and forgets the hooks; what one raises is logged."""
    for key, hook in connection.info.pop(_AFTER_COMMIT, {}).items():
        try:
            hook()
        except Exception:  # noqa: BLE001 (the commit stands whatever a hook does)
            _log.warning("after-commit hook failed", hook=key, exc_info=True)


def forget_after_commit(connection: Connection) -> None:
    """Drops hooks that a rolled-back transaction left: ``info`` outlives the transaction."""
    connection.info.pop(_AFTER_COMMIT, None)


def in_transaction(
    engine: Engine, work: Callable[[Connection], T], *, attempts: int = 3, scope: str | None = None
) -> T:
    """Runs ``work`` in one transaction, commits once, and returns what it returned.

    ``scope`` is what it may see of rows with a policy (``chassis.scope``); it costs no round trip.

    A clash with another transaction (40001, 40P01), or a connection that is lost before the commit is sent, is run
    again, up to ``attempts`` times, so ``work`` must have no effect outside its connection. Raises Unavailable when the
    database is away or too slow; when that happens during the commit the outcome is unknown, and only the caller's
    idempotency key tells.
    """
    for attempt in range(1, attempts + 1):
        try:
            return _once(engine, work, scope)
        except exc.SQLAlchemyError as error:
            sqlstate = sqlstate_of(error)
            if isinstance(error, _LostAtWork) and attempt < attempts:
                continue
            if sqlstate in CLASHES and attempt < attempts:
                metrics.TRANSACTION_RETRIES.labels(sqlstate).inc()
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 (jitter, not a secret)
                continue
            if sqlstate in CLASHES or is_away(error):
                metrics.DATABASE_UNAVAILABLE.inc()
                _log.warning("database unavailable", sqlstate=sqlstate, error=str(error))
                raise Unavailable("the database is away or busy") from error
            raise
    raise AssertionError("attempts must be at least 1")


def _once(engine: Engine, work: Callable[[Connection], T], scope: str | None) -> T:
    with engine.connect() as connection, metrics.TRANSACTION_SECONDS.time():
        forget_after_commit(connection)
        connection.info.pop(COMMIT_SENT, None)
        with scoped(connection.connection.dbapi_connection, scope), connection.begin():
            result = _at_work(connection, work)
        run_after_commit(connection)
        return result


class _LostAtWork(exc.OperationalError):
    """The connection was lost before the commit was sent: nothing was done."""


def _at_work(connection: Connection, work: Callable[[Connection], T]) -> T:
    # Taken now: a connection that was lost has none.
    info = connection.info
    try:
        return work(connection)
    except exc.DBAPIError as error:
        if not error.connection_invalidated or info.get(COMMIT_SENT):
            raise
        lost = _LostAtWork(error.statement, None, error.orig or error, hide_parameters=True)
        lost.connection_invalidated = True
        raise lost from error


def sqlstate_of(error: BaseException) -> str | None:
    """PostgreSQL's five-character code behind an error, if the server sent one."""
    code = getattr(getattr(error, "orig", error), "pgcode", None)
    return str(code) if code else None


def is_away(error: BaseException) -> bool:
    """Whether an error says that the database is unreachable, refusing or too slow, rather than that we are wrong."""
    if isinstance(error, exc.TimeoutError):
        return True
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    if (sqlstate := sqlstate_of(error)) is not None:
        return _AWAY.fullmatch(sqlstate) is not None
    return isinstance(error, exc.OperationalError | exc.InterfaceError)
