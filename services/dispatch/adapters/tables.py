"""Tables of the dispatch database (SQLAlchemy Core); the migrations make them, a test holds both equal.

Columns that somebody searches or counts by are columns; what only the aggregate itself reads is JSONB.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB, UUID

from chassis.database import chassis_tables

metadata = MetaData()
chassis = chassis_tables(metadata)

# An incident in one of these states needs nobody any more; everything else is open and on the board.
DONE_STATES = ("closed", "archived", "cancelled", "merged")
_IS_OPEN = text("state NOT IN ('closed', 'archived', 'cancelled', 'merged')")
# An assignment in one of these states takes a place of its team's capacity.
OPEN_ASSIGNMENT_STATES = ("assigned", "accepted", "en_route", "on_scene")
_IS_OPEN_ASSIGNMENT = text("state IN ('assigned', 'accepted', 'en_route', 'on_scene')")


def _moment(name: str, *, nullable: bool = True) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


incident = Table(
    "incident",
    metadata,
    Column("incident_id", UUID(as_uuid=True), primary_key=True),
    Column("reference_system", Text),
    Column("reference_number", Text),
    Column("source", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("alarm_level", SmallInteger, nullable=False),
    Column("summary", Text, nullable=False),
    Column("lat", Double),
    Column("lon", Double),
    Column("address", Text, nullable=False),
    Column("grid_code", Text),
    Column("jurisdiction", Text, nullable=False),
    Column("centre_code", Text),
    Column("state", Text, nullable=False),
    Column("exercise", Boolean, nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("policy_id", Text, nullable=False),
    Column("policy_version", Integer, nullable=False),
    # Effective times (last correction, else the first report): what every figure is computed from.
    _moment("received_at", nullable=False),
    _moment("pushed_at"),
    _moment("acknowledged_at"),
    _moment("first_assigned_at"),
    _moment("first_departed_at"),
    _moment("first_on_scene_at"),
    _moment("resolved_at"),
    _moment("fed_back_at"),
    _moment("closed_at"),
    _moment("archived_at"),
    Column("merged_into", UUID(as_uuid=True)),
    Column("version", Integer, nullable=False),
    Column("chain_head", LargeBinary, nullable=False),
    # JSON and not JSONB: read and written whole, and its text comes back as it went in, so that what did not change is
    # seen and not written. Every stamp: the original, when it was recorded, by whom, its flags and its corrections.
    Column("stamps", JSON, nullable=False),
    Column("clocks", JSON, nullable=False),
    # What else the aggregate remembers: escalation level, flags, notes, outcome, state before a merge.
    Column("facts", JSON, nullable=False),
    UniqueConstraint("reference_system", "reference_number", name="incident_reference_key"),
    Index(
        "incident_open_by_jurisdiction", "jurisdiction", postgresql_where=_IS_OPEN,
        postgresql_ops={"jurisdiction": "text_pattern_ops"},
    ),
    Index("incident_by_received", "received_at", "incident_id"),
    # Where likely duplicates are looked for: among the few that are live, not among all that were ever stored.
    Index("incident_live_by_place", "lat", "lon", postgresql_where=_IS_OPEN),
    Index("incident_live_by_grid", "grid_code", "received_at", postgresql_where=_IS_OPEN),
    Index("incident_by_primary", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
)  # fmt: skip

assignment = Table(
    "assignment",
    metadata,
    Column("assignment_id", UUID(as_uuid=True), primary_key=True),
    Column("incident_id", UUID(as_uuid=True), ForeignKey("incident.incident_id"), nullable=False),
    Column("team_id", UUID(as_uuid=True), nullable=False),
    Column("centre_code", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("state", Text, nullable=False),
    _moment("assigned_at", nullable=False),
    _moment("accepted_at"),
    _moment("departed_at"),
    _moment("arrived_at"),
    _moment("cleared_at"),
    Column("stamps", JSON, nullable=False),
    Column("facts", JSON, nullable=False),
    UniqueConstraint("incident_id", "seq", name="assignment_incident_seq_key"),
    Index("assignment_open_by_team", "team_id", postgresql_where=_IS_OPEN_ASSIGNMENT),
    # What a team was on: without it the incidents of a team that was seldom sent are found by reading all there are.
    Index("assignment_by_team", "team_id", "incident_id"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("incident_id", UUID(as_uuid=True), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("type", Text, nullable=False),
    _moment("occurred_at", nullable=False),
    _moment("recorded_at", nullable=False),
    Column("by", Text, nullable=False),
    # The exact text that was hashed: JSONB would reorder its keys and break the chain.
    Column("body", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("incident_id", "seq"),
    # Who reported an incident: the first link of its chain.
    Index("timeline_by_reporter", "by", "incident_id", postgresql_where=text("seq = 1")),
)

breach = Table(
    "breach",
    metadata,
    Column("incident_id", UUID(as_uuid=True), ForeignKey("incident.incident_id"), nullable=False),
    Column("stage", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    _moment("due_at", nullable=False),
    _moment("recorded_at", nullable=False),
    Column("target_seconds", Double, nullable=False),
    Column("late_by_seconds", Double),
    Column("holder", Text, nullable=False),
    Column("holder_kind", Text, nullable=False),
    Column("backfill", Boolean, nullable=False),
    _moment("withdrawn_at"),
    Column("withdraw_reason", Text),
    PrimaryKeyConstraint("incident_id", "stage", "generation"),
    Index("breach_by_due", "due_at", "incident_id"),
)

contact = Table(
    "contact",
    metadata,
    Column("incident_id", UUID(as_uuid=True), ForeignKey("incident.incident_id"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

team = Table(
    "team",
    metadata,
    Column("team_id", UUID(as_uuid=True), primary_key=True),
    Column("call_sign", Text, nullable=False, unique=True),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("centre_code", Text, nullable=False),
    Column("capacity", SmallInteger, nullable=False),
    Column("base_lat", Double),
    Column("base_lon", Double),
    Column("lat", Double),
    Column("lon", Double),
    _moment("position_at"),
    Column("always_on", Boolean, nullable=False),
    Column("in_service", Boolean, nullable=False),
    # Read and replaced as a whole, so no tables of their own. Members are opaque references, never names.
    Column("skills", JSONB, nullable=False),
    Column("members", JSONB, nullable=False),
    Column("shifts", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    CheckConstraint("capacity >= 1", name="team_capacity_check"),
    Index("team_by_centre", "centre_code"),
    Index("team_by_member", "members", postgresql_using="gin", postgresql_ops={"members": "jsonb_path_ops"}),
)

sla_policy = Table(
    "sla_policy",
    metadata,
    Column("policy_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rules", JSONB, nullable=False),
    _moment("valid_from", nullable=False),
    PrimaryKeyConstraint("policy_id", "version"),
)

denial = Table(
    "denial",
    metadata,
    Column("denial_id", UUID(as_uuid=True), primary_key=True),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    *(Column(name, Text, nullable=False) for name in ("said_by", "asked", "code", "subject", "client", "credential")),
    *(Column(name, Text) for name in ("permission", "rule", "purpose", "about", "jurisdiction", "request_id")),
    Column("times", Integer, nullable=False),
    Index("denial_by_time", "recorded_at", "denial_id"),
    Index("denial_by_subject", "subject", "recorded_at"),
)

# The read model of the registry: dispatch finds grids and centres here, also while registry is down.
grid_node = Table(
    "grid_node",
    metadata,
    Column("code", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("parent_code", Text),
    Column("level", Text, nullable=False),
    Column("kind", Text),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    # WKB, made once when the event comes, so that loading the tree parses no JSON.
    Column("boundary", LargeBinary),
    _moment("valid_from"),
    _moment("valid_to"),
    Column("retired", Boolean, nullable=False),
    # Value of `read_model.revision` when the row last changed: the in-memory tree loads only what is newer.
    Column("revision", BigInteger, nullable=False),
    Index("grid_node_by_revision", "revision"),
)

centre = Table(
    "centre",
    metadata,
    Column("code", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("grid_code", Text, nullable=False),
    Column("lat", Double, nullable=False),
    Column("lon", Double, nullable=False),
    Column("always_open", Boolean, nullable=False),
    Column("hours", JSONB),
    Column("retired", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index("centre_by_revision", "revision"),
)

post = Table(
    "post",
    metadata,
    Column("post_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("grid_code", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("a_holder", Text),
    Column("b_holder", Text),
    Column("a_absent", Boolean, nullable=False),
    Index("post_by_grid", "grid_code"),
)

# One row: how often the read model has changed.
read_model = Table(
    "read_model",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False, server_default=text("1")),
    Column("revision", BigInteger, nullable=False),
    CheckConstraint("one = 1", name="read_model_one_row"),
)
