"""Likely duplicates are looked for among live incidents: two small partial indexes in place of one over all."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# As in adapters/tables.py and adapters/nearby.py, word for word.
LIVE = "state NOT IN ('closed', 'archived', 'cancelled', 'merged')"


def upgrade() -> None:
    # Built beside the running service, which goes on writing; a build that was cut off leaves an invalid index.
    with op.get_context().autocommit_block():
        for name, columns in (
            ("incident_live_by_place", "lat, lon"),
            ("incident_live_by_grid", "grid_code, received_at"),
        ):
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON incident ({columns}) WHERE {LIVE}")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS incident_by_place")


def downgrade() -> None:
    """Not offered: the previous release runs on this schema (style, rule 11)."""
    raise NotImplementedError
