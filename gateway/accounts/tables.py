"""The gateway's own database: who may sign in, who has, which keys sign. Nothing personal but a login name."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = sa.MetaData()
_MOMENT = sa.DateTime(timezone=True)
_NONE = sa.text("'{}'")


def _now(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, _MOMENT, nullable=False, server_default=func.clock_timestamp(), **options)


account = sa.Table(
    "account",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("login", sa.Text, nullable=False, unique=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("roles", ARRAY(sa.Text), nullable=False, server_default=_NONE),
    sa.Column("jurisdictions", ARRAY(sa.Text), nullable=False, server_default=_NONE),
    sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("must_change", sa.Boolean, nullable=False, server_default=sa.true()),
    # Every token says which version it was made for: a change of it ends them all, on every gateway process.
    sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
    sa.Column("totp_sealed", sa.LargeBinary),
    sa.Column("totp_confirmed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("totp_step", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("signed_in_at", _MOMENT),
    _now("password_at"),
    _now("created_at"),
)
recovery_code = sa.Table(
    "recovery_code",
    metadata,
    sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
)
session = sa.Table(
    "session",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False, index=True),
    _now("created_at"),
    _now("used_at"),
    sa.Column("idle_until", _MOMENT, nullable=False),
    sa.Column("ends_at", _MOMENT, nullable=False),
    sa.Column("ended_at", _MOMENT),
    sa.Column("ended_why", sa.Text),
)
refresh_token = sa.Table(
    "refresh_token",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("session_id", sa.Uuid, sa.ForeignKey("session.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("successor", sa.LargeBinary),
    _now("issued_at"),
    sa.Column("used_at", _MOMENT),
)
api_client = sa.Table(
    "api_client",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("prefix", sa.Text, nullable=False, unique=True),
    sa.Column("secret_digest", sa.LargeBinary, nullable=False),
    sa.Column("previous_digest", sa.LargeBinary),
    sa.Column("previous_until", _MOMENT),
    sa.Column("certificate", sa.Text, unique=True),
    sa.Column("roles", ARRAY(sa.Text), nullable=False, server_default=_NONE),
    sa.Column("jurisdictions", ARRAY(sa.Text), nullable=False, server_default=_NONE),
    sa.Column("scopes", ARRAY(sa.Text)),
    sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
    _now("created_at"),
    sa.Column("expires_at", _MOMENT, nullable=False),
    sa.Column("used_at", _MOMENT),
    sa.Column("revoked_at", _MOMENT),
)
attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("login_digest", sa.LargeBinary, primary_key=True),
    sa.Column("source_digest", sa.LargeBinary, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
    _now("last_at", index=True),
    sa.Column("succeeded_at", _MOMENT),
)
signing_key = sa.Table(
    "signing_key",
    metadata,
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("public", JSONB, nullable=False),
    _now("created_at"),
    sa.Column("signs_from", _MOMENT, nullable=False),
    sa.Column("ends_at", _MOMENT),
)
revocation = sa.Table(
    "revocation",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("subject", sa.Uuid, nullable=False),
    # The lowest version whose tokens stand; NULL: the subject is a session that has ended.
    sa.Column("version", sa.Integer),
    _now("at", index=True),
)
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    _now("at"),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("detail", JSONB, nullable=False, server_default=_NONE),
)
# Written without a log: what a gateway counted of the rates in the last minutes (gateway/shared_counts.py).
rate_count = sa.Table(
    "rate_count",
    metadata,
    sa.Column("gateway", sa.Uuid, primary_key=True),
    sa.Column("bucket", sa.LargeBinary, primary_key=True),
    sa.Column("hits", sa.Integer, nullable=False),
    sa.Column("until", _MOMENT, nullable=False, index=True),
    sa.Column("at", _MOMENT, nullable=False, index=True),
    prefixes=["UNLOGGED"],
)
