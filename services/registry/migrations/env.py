"""Runs the migrations: one process at a time, and never waiting long behind a busy table.

A migration is a deployment (style, rule 11): `lock_timeout` makes it give up instead of queueing every other
statement behind its own lock, and `statement_timeout` bounds the damage of a bad plan.
"""

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text

from services.registry.adapters.tables import metadata

# Any constant will do as long as no other program takes it in this database: "registry" in hexadecimal.
MIGRATION_LOCK = 0x7265676973747279 >> 1
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "120s"


def run(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    try:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection, target_metadata=metadata, compare_type=True, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()


def main() -> None:
    engine = create_engine(context.config.attributes["database_url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        run(connection)


main()
