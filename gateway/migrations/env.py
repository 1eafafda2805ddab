"""What alembic loads to run the numbered migrations of the gateway's database."""

from chassis.migrations import run_migrations
from gateway.accounts.tables import metadata

run_migrations(metadata)
