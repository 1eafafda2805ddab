"""Row level security: a transaction sees the incidents of its scope, and without one none (docs/decisions/0058).

The role that owns the tables, which runs migrations and the release before, has the whole county when it says nothing;
the role that services have from this release on owns nothing and then has nothing.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Each setting is read once a statement, not once a row: a sub-select is an init plan. A policy is planned with every
# statement on its table: what looks into other tables is a function, and is called only when a setting asks for it.
SCOPE = """(SELECT coalesce(
    NULLIF(current_setting('app.scope', true), ''), CASE current_user WHEN {owner} THEN '*' END
))"""
AREAS = "(SELECT string_to_array(NULLIF(current_setting('app.scope', true), ''), ','))::text[]"
BESIDE = "(SELECT current_setting('app.teams', true) <> '' OR current_setting('app.reporter', true) <> '')"
IN_SCOPE = f"{SCOPE} = '*' OR jurisdiction ^@ ANY ({AREAS})"
SEEN_THROUGH_ITS_INCIDENT = f"{SCOPE} = '*' OR incident_is_seen(incident_id)"
# The ground, its desks and who was denied are the whole county's: for whoever says on whose behalf it looks.
SAID = f"{SCOPE} IS NOT NULL"
POLICIES = {
    "incident": (f"{IN_SCOPE} OR ({BESIDE} AND incident_is_beside_scope(incident_id))", IN_SCOPE),
    "contact": (SEEN_THROUGH_ITS_INCIDENT, SEEN_THROUGH_ITS_INCIDENT),
    **dict.fromkeys(("grid_node", "centre", "post", "denial"), (SAID, SAID)),
}
FUNCTIONS = """
CREATE FUNCTION incident_is_beside_scope(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    teams uuid[] := string_to_array(NULLIF(current_setting('app.teams', true), ''), ',')::uuid[];
    reporter text := convert_from(decode(NULLIF(current_setting('app.reporter', true), ''), 'hex'), 'UTF8');
BEGIN
    RETURN EXISTS (SELECT FROM assignment a WHERE a.incident_id = wanted AND a.team_id = ANY (teams))
        OR EXISTS (SELECT FROM timeline l WHERE l.incident_id = wanted AND l.seq = 1 AND l.by = reporter);
END $$;
CREATE FUNCTION incident_is_seen(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM incident i WHERE i.incident_id = wanted);
END $$;
"""


def upgrade() -> None:
    owner = op.get_bind().exec_driver_sql("SELECT quote_literal(current_user)").scalar_one()
    op.execute(FUNCTIONS)
    for table, (seen, written) in POLICIES.items():
        op.execute(f"CREATE POLICY scope ON {table} USING ({seen}) WITH CHECK ({written})".replace("{owner}", owner))
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Not offered: the previous release runs on this schema (style, rule 11)."""
    raise NotImplementedError
