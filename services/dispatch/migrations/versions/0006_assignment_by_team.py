"""Assignments by team: the incidents that a team was on, however many are stored."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS assignment_by_team")
        op.execute("CREATE INDEX CONCURRENTLY assignment_by_team ON assignment (team_id, incident_id)")


def downgrade() -> None:
    """Not offered: the previous release runs on this schema (style, rule 11)."""
    raise NotImplementedError
