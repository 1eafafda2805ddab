"""Migrations of a service's database: numbered, one process at a time, never waiting long behind a busy table.

A migration is a deployment: `lock_timeout` makes it give up instead of queueing every other statement behind its own
lock, and `statement_timeout` bounds the damage of a bad plan.
"""

from __future__ import annotations

import time
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, create_engine, pool, text

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "120s"
_TURN_SECONDS = 0.1
_LOCK = "hashtextextended('wangge.migrations', 0)"


def configuration(directory: Path, database_url: str) -> Config:
    """The alembic configuration of the migrations in `directory`; there is no ini file to keep in step with it."""
    config = Config()
    config.set_main_option("script_location", str(directory))
    # Passed as an attribute: the ini parser would read the % of a quoted password as an interpolation.
    config.attributes["database_url"] = database_url
    return config


def upgrade(directory: Path, database_url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`. Safe to call from several processes at once: the others wait for the first."""
    command.upgrade(configuration(directory, database_url), revision)


def run_migrations(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` does when alembic loads it: run what is asked for, under the lock."""
    engine = create_engine(context.config.attributes["database_url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        _wait_for_turn(connection)
        try:
            _run(connection, metadata)
        finally:
            connection.rollback()
            connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK})"))
            connection.commit()


def _wait_for_turn(connection: Connection) -> None:
    """Asks again and again: who waits inside a statement has a snapshot, and an index that is built concurrently waits
    for all of those, so that both would wait for ever.
    """
    while not connection.execute(text(f"SELECT pg_try_advisory_lock({_LOCK})")).scalar_one():
        connection.rollback()
        time.sleep(_TURN_SECONDS)
    connection.commit()


def _run(connection: Connection, metadata: MetaData) -> None:
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection, target_metadata=metadata, compare_type=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()
