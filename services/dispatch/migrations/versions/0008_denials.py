"""Requests that were denied: a record that is added to and never changed."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE denial (
    denial_id UUID NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    said_by TEXT NOT NULL,
    asked TEXT NOT NULL,
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    client TEXT NOT NULL,
    credential TEXT NOT NULL,
    permission TEXT,
    rule TEXT,
    purpose TEXT,
    about TEXT,
    jurisdiction TEXT,
    request_id TEXT,
    times INTEGER NOT NULL,
    PRIMARY KEY (denial_id)
);
CREATE INDEX denial_by_time ON denial (recorded_at, denial_id);
CREATE INDEX denial_by_subject ON denial (subject, recorded_at);
"""
# As the timeline: an edit is refused, not only seen.
APPEND_ONLY = """
CREATE FUNCTION denial_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the record of denials is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER denial_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON denial
    FOR EACH STATEMENT EXECUTE FUNCTION denial_is_append_only();
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(APPEND_ONLY)


def downgrade() -> None:
    """Not offered: the previous release runs on this schema (style, rule 11)."""
    raise NotImplementedError
