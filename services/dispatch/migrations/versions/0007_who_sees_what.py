"""Whose team somebody is in, and what somebody reported, however many teams and incidents are stored."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = {
    "team_by_member": "team USING gin (members jsonb_path_ops)",
    # Of the first link of each chain. An index on the incident's own stamps would be written with each of its updates.
    "timeline_by_reporter": 'timeline ("by", incident_id) WHERE seq = 1',
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")


def downgrade() -> None:
    """Not offered: the previous release runs on this schema (style, rule 11)."""
    raise NotImplementedError
