"""Remembered answers by age: the cleaner finds the old ones without reading a month of them."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INDEX = """
CREATE INDEX CONCURRENTLY ix_idempotency_recorded_at ON idempotency USING brin (recorded_at) WITH (autosummarize = on)
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_idempotency_recorded_at")
        op.execute(INDEX)


def downgrade() -> None:
    """Not offered: the previous release runs on this schema (style, rule 11)."""
    raise NotImplementedError
