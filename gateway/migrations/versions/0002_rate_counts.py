"""What each gateway counted of the rates, for the others. Not logged: it is empty after a crash, and nobody minds."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE UNLOGGED TABLE rate_count (
        gateway UUID NOT NULL,
        bucket BYTEA NOT NULL,
        hits INTEGER NOT NULL,
        until TIMESTAMP WITH TIME ZONE NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (gateway, bucket)
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
    """,
    "CREATE INDEX ix_rate_count_at ON rate_count (at)",
    "CREATE INDEX ix_rate_count_until ON rate_count (until)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Not offered: the previous release runs on this schema (style, rule 11)."""
    raise NotImplementedError
