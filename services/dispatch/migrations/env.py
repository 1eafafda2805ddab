"""What alembic loads to run the numbered migrations of this service."""

from chassis.migrations import run_migrations
from services.dispatch.adapters.tables import metadata

run_migrations(metadata)
