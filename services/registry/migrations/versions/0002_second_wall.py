"""Row level security: a transaction sees the nodes, centres and posts of its scope, and without one none.

As in dispatch (docs/decisions/0058): the role that owns the tables has the whole county when it says nothing, the role
that the service has owns nothing and then has nothing.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Each setting is read once a statement, not once a row: a sub-select is an init plan.
SCOPE = """(SELECT coalesce(
    NULLIF(current_setting('app.scope', true), ''), CASE current_user WHEN {owner} THEN '*' END
))"""
AREAS = "(SELECT string_to_array(NULLIF(current_setting('app.scope', true), ''), ','))::text[]"
ABOVE = f"EXISTS (SELECT FROM unnest({AREAS}) AS area WHERE area ^@ code)"
POLICIES = {
    # The way up from an area is seen as well: whose town it is.
    "grid_version": ("code", f" OR {ABOVE}"),
    "centre_version": ("grid_code", ""),
    "post_version": ("grid_code", ""),
}


def upgrade() -> None:
    owner = op.get_bind().exec_driver_sql("SELECT quote_literal(current_user)").scalar_one()
    for table, (column, also) in POLICIES.items():
        inside = f"{SCOPE} = '*' OR {column} ^@ ANY ({AREAS})"
        policy = f"CREATE POLICY scope ON {table} USING ({inside}{also}) WITH CHECK ({inside})"
        op.execute(policy.replace("{owner}", owner))
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Not offered: the previous release runs on this schema (style, rule 11)."""
    raise NotImplementedError
