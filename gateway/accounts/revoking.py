"""Taking back at once: what is written here, every gateway process hears within a second."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.engine import Connection

from gateway.accounts.tables import account, api_client, refresh_token, revocation, session

CHANNEL = "wangge_identity"
KEEP = timedelta(hours=1)
"""Longer than any token lives that was made before a row."""
KEYS = UUID(int=0)
"""As a subject: the signing keys are others now."""
_LOCK = "hashtextextended('wangge.revocation', 0)"


def take_back(connection: Connection, subject: UUID, version: int | None) -> None:
    """Tokens of `subject` below `version` stand no longer; without a version it is a session, and none of its do.

    Writers follow one another until they commit: a reader that has seen a number has seen every lower one.
    """
    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    connection.execute(revocation.insert().values(subject=subject, version=version))
    connection.execute(sa.select(func.pg_notify(CHANNEL, "")))


def end_session(connection: Connection, session_id: UUID, why: str) -> bool:
    """End one session and its tokens; False when it had ended already."""
    ended = connection.execute(
        session.update()
        .where(session.c.id == session_id, session.c.ended_at.is_(None))
        .values(ended_at=func.clock_timestamp(), ended_why=why)
    ).rowcount
    if ended:
        take_back(connection, session_id, None)
    return bool(ended)


def end_sessions(connection: Connection, account_id: UUID, why: str, but: UUID | None = None) -> int:
    """End every session of an account, or all but one; how many."""
    open_ones = sa.select(session.c.id).where(session.c.account_id == account_id, session.c.ended_at.is_(None))
    found = [each for each in connection.scalars(open_ones.with_for_update()) if each != but]
    return sum(end_session(connection, each, why) for each in found)


def renew_account(connection: Connection, account_id: UUID) -> None:
    """End every access token of an account, not its sessions: the next refresh brings its rights as they are now."""
    bumped = account.update().where(account.c.id == account_id).values(version=account.c.version + 1)
    take_back(connection, account_id, connection.execute(bumped.returning(account.c.version)).scalar_one())


def renew_client(connection: Connection, client_id: UUID) -> None:
    """End every access token of an API client, and what is remembered of its key."""
    bumped = api_client.update().where(api_client.c.id == client_id).values(version=api_client.c.version + 1)
    take_back(connection, client_id, connection.execute(bumped.returning(api_client.c.version)).scalar_one())


def forget_old(connection: Connection) -> None:
    """Delete revocations that concern no living token, and sessions that ended a month ago."""
    connection.execute(revocation.delete().where(revocation.c.at < func.clock_timestamp() - KEEP))
    over = func.coalesce(session.c.ended_at, session.c.ends_at) < func.clock_timestamp() - timedelta(days=30)
    connection.execute(session.delete().where(over))
    used = refresh_token.c.used_at < func.clock_timestamp() - timedelta(days=30)
    connection.execute(refresh_token.delete().where(used))
