"""Migrations of a service's database: numbered, one process at a time, never waiting long behind a busy table.

A migration is a deployment: `lock_timeout` makes it give up instead of queueing every other statement behind its own
lock, and `statement_timeout` bounds the damage of a bad plan.
"""

from __future__ import annotations

import time
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, pool, text

from chassis.logs import get_logger

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "120s"
_TURN_SECONDS = 0.1
_LOCK = "hashtextextended('wangge.migrations', 0)"
_log = get_logger()


def configuration(directory: Path, database_url: str) -> Config:
    """The alembic configuration of the migrations in `directory`; there is no ini file to keep in step with it."""
    config = Config()
    config.set_main_option("script_location", str(directory))
    # Passed as an attribute: the ini parser would read the % of a quoted password as an interpolation.
    config.attributes["database_url"] = database_url
    return config


def upgrade(directory: Path, database_url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`. Safe to call from several processes at once: the others wait for the first.

    The schema of a later release stays as it is: this one runs on it, and is rolled in again when that one was no good.
    """
    command.upgrade(configuration(directory, database_url), revision)


def run_migrations(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` does when alembic loads it: run what is asked for, under the lock."""
    engine = create_engine(context.config.attributes["database_url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        _wait_for_turn(connection)
        try:
            if not _is_of_a_later_release(connection):
                _run(connection, metadata)
                _let_the_service_work(connection)
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


def _is_of_a_later_release(connection: Connection) -> bool:
    """Revisions are numbered without a gap: one above our own was made by a release after this one."""
    found = MigrationContext.configure(connection).get_current_revision()
    ours = ScriptDirectory.from_config(context.config).get_current_head()
    connection.rollback()
    if found is None or ours is None or found <= ours:
        return False
    _log.info("the schema is of a later release and stays", found=found, ours=ours)
    return True


def _run(connection: Connection, metadata: MetaData) -> None:
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection, target_metadata=metadata, compare_type=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


def _let_the_service_work(connection: Connection) -> None:
    """Grant what the service's own role, `OWNER_service`, needs, where a server has one: it works with the tables that
    were made here and owns none (docs/decisions/0058).
    """
    owned = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user"
    known = "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = current_user || '_service'"
    role = connection.execute(text(known)).scalar_one_or_none()
    tables = ", ".join(connection.execute(text(owned)).scalars())
    if role is not None and tables:
        connection.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {role}"))
    connection.commit()
