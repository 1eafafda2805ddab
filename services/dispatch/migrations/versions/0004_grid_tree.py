"""Dispatch's own copy of the grid tree, the centres and the posts."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE grid_node (
    code TEXT NOT NULL,
    version BIGINT NOT NULL,
    parent_code TEXT,
    level TEXT NOT NULL,
    kind TEXT,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    boundary BYTEA,
    valid_from TIMESTAMPTZ,
    valid_to TIMESTAMPTZ,
    retired BOOLEAN NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (code)
);
CREATE INDEX grid_node_by_revision ON grid_node (revision);
CREATE TABLE centre (
    code TEXT NOT NULL,
    version BIGINT NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    kind TEXT NOT NULL,
    grid_code TEXT NOT NULL,
    lat DOUBLE PRECISION NOT NULL,
    lon DOUBLE PRECISION NOT NULL,
    always_open BOOLEAN NOT NULL,
    hours JSONB,
    retired BOOLEAN NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (code)
);
CREATE INDEX centre_by_revision ON centre (revision);
CREATE TABLE post (
    post_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    grid_code TEXT NOT NULL,
    role TEXT NOT NULL,
    a_holder TEXT,
    b_holder TEXT,
    a_absent BOOLEAN NOT NULL,
    PRIMARY KEY (post_id)
);
CREATE INDEX post_by_grid ON post (grid_code);
CREATE TABLE read_model (
    one SMALLINT DEFAULT 1 NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (one),
    CONSTRAINT read_model_one_row CHECK (one = 1)
);
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute("INSERT INTO read_model (revision) VALUES (0)")


def downgrade() -> None:
    """Not offered: the previous release runs on this schema (style, rule 11)."""
    raise NotImplementedError
