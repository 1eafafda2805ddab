"""The record of denials may forget what is older than the law asks for, and nothing younger (docs/decisions/0065)."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Six calendar months: 网络安全法 of 2016, Art. 21 (3). Whoever deletes, and whatever its settings say.
KEPT = """
CREATE FUNCTION denial_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the record of denials keeps six months: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
DROP TRIGGER denial_append_only ON denial;
CREATE TRIGGER denial_append_only BEFORE UPDATE OR TRUNCATE ON denial
    FOR EACH STATEMENT EXECUTE FUNCTION denial_is_append_only();
CREATE TRIGGER denial_is_kept BEFORE DELETE ON denial
    FOR EACH ROW WHEN (OLD.recorded_at > clock_timestamp() - interval '6 months')
    EXECUTE FUNCTION denial_is_kept();
"""


def upgrade() -> None:
    op.execute(KEPT)


def downgrade() -> None:
    """Not offered: the previous release runs on this schema (style, rule 11)."""
    raise NotImplementedError
