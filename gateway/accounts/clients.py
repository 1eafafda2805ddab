"""API clients: other systems, each with a key of its own: `wgk_PREFIX_SECRET`, of which only a hash is kept."""

from __future__ import annotations

import hmac
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.engine import Connection, Row

from gateway.accounts.sealing import digest
from gateway.accounts.tables import api_client

MARK = "wgk_"
_KEY = re.compile(r"wgk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
_USED_EVERY = timedelta(minutes=1)


def looks_like_key(token: str) -> bool:
    """True for a text that can only be an API client's key."""
    return token.startswith(MARK)


def by_key(connection: Connection, token: str) -> Row[Any] | None:
    """The client whose key it is, if it may be used now; notes that it was used, to the minute."""
    match = _KEY.fullmatch(token)
    if match is None:
        return None
    row = _usable(connection, api_client.c.prefix == match[1])
    if row is None:
        return None
    shown = digest(match[2])
    held = [row.secret_digest, *([row.previous_digest] if row.previous_stands else [])]
    if not any(hmac.compare_digest(shown, bytes(each)) for each in held):
        return None
    _note_use(connection, row.id)
    return row


def by_certificate(connection: Connection, certificate: str) -> Row[Any] | None:
    """The client that a certificate, verified by a trusted proxy, belongs to."""
    row = _usable(connection, api_client.c.certificate == certificate)
    if row is not None:
        _note_use(connection, row.id)
    return row


def by_credentials(connection: Connection, client_id: str, secret: str) -> Row[Any] | None:
    """The client of `client_credentials` (RFC 6749 section 4.4): its name, and its whole key as the secret."""
    row = by_key(connection, secret)
    return row if row is not None and row.name == client_id else None


def _usable(connection: Connection, which: sa.ColumnElement[bool]) -> Row[Any] | None:
    now = func.clock_timestamp()
    stands = func.coalesce(api_client.c.previous_until > now, sa.false()).label("previous_stands")
    left = sa.extract("epoch", api_client.c.expires_at).label("ends")
    return connection.execute(
        sa.select(api_client, stands, left).where(
            which, api_client.c.revoked_at.is_(None), api_client.c.expires_at > now
        )
    ).one_or_none()


def _note_use(connection: Connection, client_id: UUID) -> None:
    now = func.clock_timestamp()
    stale = sa.or_(api_client.c.used_at.is_(None), api_client.c.used_at < now - _USED_EVERY)
    connection.execute(api_client.update().where(api_client.c.id == client_id, stale).values(used_at=now))
