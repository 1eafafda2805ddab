"""The county's books: versions of grids, centres and posts, and the tables of the chassis."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    # Only a superuser may create it; the stack did so already, and then this is no more than a check.
    "CREATE EXTENSION IF NOT EXISTS postgis",
    """
    CREATE TABLE outbox (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        message_id UUID NOT NULL,
        exchange TEXT NOT NULL,
        routing_key TEXT NOT NULL,
        order_key TEXT NOT NULL,
        body BYTEA NOT NULL,
        content_type TEXT NOT NULL,
        headers JSONB DEFAULT '{}' NOT NULL,
        mandatory BOOLEAN DEFAULT true NOT NULL,
        traceparent TEXT,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        attempts INTEGER DEFAULT 0 NOT NULL,
        not_before TIMESTAMP WITH TIME ZONE,
        last_error TEXT,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX ix_outbox_held_back ON outbox (order_key, id) WHERE not_before IS NOT NULL",
    """
    CREATE TABLE inbox (
        handler TEXT NOT NULL,
        message_id UUID NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        PRIMARY KEY (handler, message_id)
    )
    """,
    "CREATE INDEX ix_inbox_received_at ON inbox (received_at)",
    """
    CREATE TABLE idempotency (
        client TEXT NOT NULL,
        key TEXT NOT NULL,
        fingerprint BYTEA NOT NULL,
        answer BYTEA NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        PRIMARY KEY (client, key)
    )
    """,
    """
    CREATE TABLE deadline (
        subject UUID NOT NULL,
        kind TEXT NOT NULL,
        generation INTEGER NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (subject, kind, generation)
    )
    """,
    "CREATE INDEX ix_deadline_due_at ON deadline (due_at)",
    """
    CREATE TABLE grid_version (
        code TEXT NOT NULL,
        version INTEGER NOT NULL,
        parent_code TEXT,
        level TEXT NOT NULL,
        kind TEXT,
        name_zh TEXT NOT NULL,
        name_en TEXT NOT NULL,
        households INTEGER,
        boundary geometry(MultiPolygon, 4326),
        boundary_derived BOOLEAN NOT NULL,
        area_m2 DOUBLE PRECISION GENERATED ALWAYS AS (ST_Area(boundary::geography)) STORED,
        valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
        valid_to TIMESTAMP WITH TIME ZONE,
        retired BOOLEAN NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        PRIMARY KEY (code, version),
        CONSTRAINT grid_version_runs_forward CHECK (valid_to > valid_from)
    )
    """,
    "CREATE INDEX grid_version_children ON grid_version (parent_code)",
    "CREATE INDEX grid_version_ground ON grid_version USING gist (boundary) WHERE level = 'micro_grid'",
    "CREATE UNIQUE INDEX grid_version_newest ON grid_version (code) WHERE valid_to IS NULL",
    """
    CREATE TABLE centre_version (
        code TEXT NOT NULL,
        version INTEGER NOT NULL,
        name_zh TEXT NOT NULL,
        name_en TEXT NOT NULL,
        kind TEXT NOT NULL,
        grid_code TEXT NOT NULL,
        lat DOUBLE PRECISION NOT NULL,
        lon DOUBLE PRECISION NOT NULL,
        always_open BOOLEAN NOT NULL,
        opens TEXT,
        closes TEXT,
        valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
        valid_to TIMESTAMP WITH TIME ZONE,
        retired BOOLEAN NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        PRIMARY KEY (code, version),
        CONSTRAINT centre_version_runs_forward CHECK (valid_to > valid_from)
    )
    """,
    "CREATE UNIQUE INDEX centre_version_newest ON centre_version (code) WHERE valid_to IS NULL",
    """
    CREATE TABLE post_version (
        post_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        grid_code TEXT NOT NULL,
        role TEXT NOT NULL,
        a_holder TEXT,
        b_holder TEXT,
        a_absent BOOLEAN NOT NULL,
        valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
        valid_to TIMESTAMP WITH TIME ZONE,
        retired BOOLEAN NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        PRIMARY KEY (post_id, version),
        CONSTRAINT post_version_runs_forward CHECK (valid_to > valid_from)
    )
    """,
    "CREATE INDEX post_version_grid ON post_version (grid_code)",
    "CREATE UNIQUE INDEX post_version_newest ON post_version (post_id) WHERE valid_to IS NULL",
    """
    CREATE TABLE tree_state (
        id INTEGER NOT NULL,
        version BIGINT NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT tree_state_is_one_row CHECK (id = 1)
    )
    """,
    "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)",
    "ALTER TABLE deadline SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Not offered: the previous release runs on this schema (style, rule 11)."""
    raise NotImplementedError
