"""Sessions: a family of refresh tokens, each good once (RFC 9700 section 4.14), behind short access tokens.

A refresh token used twice ends its whole family: one of the two users is not the owner. The one exception is an answer
that never arrived: within thirty seconds, and as long as nobody has used the successor, the owner may ask again; the
successor then counts as used, so that whoever shows it ends the family.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.engine import Connection, Row

from chassis.ids import uuid7
from gateway.accounts.record import note
from gateway.accounts.refusals import InvalidGrant
from gateway.accounts.revoking import end_session
from gateway.accounts.sealing import digest, secret_text
from gateway.accounts.tables import account, refresh_token, session

PREFIX = "wgr_"
RETRY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Lives:
    """How long a session may lie unused, and how long it may last at all."""

    idle: timedelta = timedelta(hours=12)
    longest: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Signed:
    """A session with the account as it is now, and the refresh token that goes on with it."""

    account: Row[Any]
    session_id: UUID
    refresh: str


def open_session(connection: Connection, owner: Row[Any], lives: Lives) -> Signed:
    """A new session of an account."""
    session_id = uuid7()
    now = func.clock_timestamp()
    connection.execute(
        session.insert().values(
            id=session_id, account_id=owner.id, idle_until=now + lives.idle, ends_at=now + lives.longest
        )
    )
    return Signed(owner, session_id, _issue(connection, session_id))


def go_on(connection: Connection, shown: str, lives: Lives) -> Signed | None:
    """Exchange a refresh token for the next one; None when it was used before, and its family is ended.

    None rather than an exception, because the end of the family has to be committed. Raises InvalidGrant.
    """
    row = _found(connection, shown)
    if row is None or row.ended or row.disabled:
        raise InvalidGrant
    if row.used_at is not None and not _may_ask_again(connection, row):
        end_session(connection, row.session_id, "reused")
        note(connection, "gateway", "session.reused", row.account_id, session=str(row.session_id))
        return None
    fresh = _issue(connection, row.session_id)
    now = func.clock_timestamp()
    mark = refresh_token.update().where(refresh_token.c.digest == digest(shown))
    connection.execute(mark.values(used_at=func.coalesce(refresh_token.c.used_at, now), successor=digest(fresh)))
    used = session.update().where(session.c.id == row.session_id)
    connection.execute(used.values(used_at=now, idle_until=sa.func.least(now + lives.idle, session.c.ends_at)))
    owner = connection.execute(sa.select(account).where(account.c.id == row.account_id)).one()
    return Signed(owner, row.session_id, fresh)


def sign_out(connection: Connection, shown: str, why: str = "signed_out") -> UUID | None:
    """End the session a refresh token belongs to, used or not; whose it was, None when there is none."""
    row = _found(connection, shown)
    if row is None:
        return None
    end_session(connection, row.session_id, why)
    return row.account_id  # type: ignore[no-any-return]


def open_ones(connection: Connection, account_id: UUID) -> list[Row[Any]]:
    """The sessions of an account that have not ended, the last used first."""
    now = func.clock_timestamp()
    alive = sa.and_(session.c.ended_at.is_(None), session.c.idle_until > now, session.c.ends_at > now)
    found = sa.select(session).where(session.c.account_id == account_id, alive)
    return list(connection.execute(found.order_by(session.c.used_at.desc())))


def _issue(connection: Connection, session_id: UUID) -> str:
    fresh = PREFIX + secret_text()
    connection.execute(refresh_token.insert().values(digest=digest(fresh), session_id=session_id))
    return fresh


def _found(connection: Connection, shown: str) -> Row[Any] | None:
    """The token with its session, both locked: two uses at once follow one another."""
    now = func.clock_timestamp()
    ended = sa.or_(session.c.ended_at.is_not(None), session.c.idle_until < now, session.c.ends_at < now)
    return connection.execute(
        sa.select(
            refresh_token.c.used_at,
            refresh_token.c.successor,
            refresh_token.c.session_id,
            session.c.account_id,
            ended.label("ended"),
            account.c.disabled,
            (refresh_token.c.used_at > now - RETRY).label("just_now"),
        )
        .join(session, session.c.id == refresh_token.c.session_id)
        .join(account, account.c.id == session.c.account_id)
        .where(refresh_token.c.digest == digest(shown))
        .with_for_update(of=[session, refresh_token])
    ).one_or_none()


def _may_ask_again(connection: Connection, row: Row[Any]) -> bool:
    if not row.just_now or row.successor is None:
        return False
    unused = refresh_token.update().where(refresh_token.c.digest == row.successor, refresh_token.c.used_at.is_(None))
    # Dated back, so that showing the successor is reuse at once and not itself a repeat.
    return bool(connection.execute(unused.values(used_at=func.clock_timestamp() - 2 * RETRY)).rowcount)
