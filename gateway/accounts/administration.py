"""What administrators do with accounts: each change in one transaction with its row of the audit, in force at once.

Each function runs in a transaction of the caller's and takes `by`, who does it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.engine import Connection, Row

from chassis.errors import Conflict, InvalidInput, NotFound
from chassis.ids import uuid7
from gateway.accounts.logins import checked
from gateway.accounts.record import note
from gateway.accounts.revoking import end_session, end_sessions, renew_account
from gateway.accounts.sessions import open_ones
from gateway.accounts.tables import account, recovery_code, session
from gateway.security.issuer import is_jurisdiction, is_role

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def temporary_password() -> str:
    """Four groups of five characters that are not mistaken for one another: 98 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def check_rights(roles: Sequence[str], jurisdictions: Sequence[str]) -> None:
    """Raises InvalidInput for what is no role or no code of the grid tree."""
    for each in roles:
        if not is_role(each):
            raise InvalidInput(f"there is no role {each}", field="role", rule="role")
    for each in jurisdictions:
        if not is_jurisdiction(each):
            raise InvalidInput(f"{each} is no grid code", field="jurisdiction", rule="jurisdiction")


def add(
    connection: Connection, by: str, login: str, hashed: str, roles: Sequence[str], jurisdictions: Sequence[str]
) -> UUID:
    """A new account, whose password must be changed at the first sign-in; its id. Raises Conflict or InvalidInput."""
    check_rights(roles, jurisdictions)
    name = checked(login)
    if connection.execute(sa.select(account.c.id).where(account.c.login == name)).one_or_none():
        raise Conflict("there is an account of that login", code="login_taken", field="login")
    found = uuid7()
    connection.execute(
        account.insert().values(
            id=found, login=name, password_hash=hashed, roles=list(roles), jurisdictions=list(jurisdictions)
        )
    )
    note(connection, by, "account.added", found, roles=list(roles), jurisdictions=list(jurisdictions))
    return found


def one(connection: Connection, login: str) -> Row[Any]:
    """The account of a login, kept from changing until the transaction ends. Raises NotFound or InvalidInput."""
    name = checked(login)
    found = connection.execute(sa.select(account).where(account.c.login == name).with_for_update()).one_or_none()
    if found is None:
        raise NotFound("there is no account of that login", field="login")
    return found


def every(connection: Connection) -> list[Row[Any]]:
    """All accounts by login, with how many sessions each has open."""
    counted = (
        sa.select(func.count())
        .where(session.c.account_id == account.c.id, session.c.ended_at.is_(None), session.c.idle_until > func.now())
        .scalar_subquery()
    )
    return list(connection.execute(sa.select(account, counted.label("sessions")).order_by(account.c.login)))


def set_disabled(connection: Connection, by: str, login: str, *, disabled: bool) -> int:
    """Close or open an account; closing ends its sessions, how many."""
    owner = one(connection, login)
    connection.execute(account.update().where(account.c.id == owner.id).values(disabled=disabled))
    ended = end_sessions(connection, owner.id, "disabled") if disabled else 0
    if disabled:
        renew_account(connection, owner.id)
    note(connection, by, "account.disabled" if disabled else "account.enabled", owner.id, sessions=ended)
    return ended


def set_rights(
    connection: Connection, by: str, login: str, roles: Sequence[str] | None, jurisdictions: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Other roles or jurisdictions (None: as they are), in force with the next request; what they are now."""
    check_rights(roles or (), jurisdictions or ())
    owner = one(connection, login)
    now = (
        list(owner.roles if roles is None else roles),
        list(owner.jurisdictions if jurisdictions is None else jurisdictions),
    )
    connection.execute(account.update().where(account.c.id == owner.id).values(roles=now[0], jurisdictions=now[1]))
    renew_account(connection, owner.id)
    before = {"roles": list(owner.roles), "jurisdictions": list(owner.jurisdictions)}
    note(connection, by, "account.rights", owner.id, before=before, roles=now[0], jurisdictions=now[1])
    return now


def reset_password(connection: Connection, by: str, login: str, hashed: str) -> int:
    """A temporary password, to be changed at the next sign-in; ends all sessions, how many."""
    owner = one(connection, login)
    changed = {"password_hash": hashed, "must_change": True, "password_at": func.clock_timestamp()}
    connection.execute(account.update().where(account.c.id == owner.id).values(**changed))
    ended = end_sessions(connection, owner.id, "password_reset")
    renew_account(connection, owner.id)
    note(connection, by, "account.reset_word", owner.id, sessions=ended)
    return ended


def reset_totp(connection: Connection, by: str, login: str) -> int:
    """Take the second factor away (a lost phone); ends all sessions, how many."""
    owner = one(connection, login)
    gone = {"totp_sealed": None, "totp_confirmed": False, "totp_step": 0}
    connection.execute(account.update().where(account.c.id == owner.id).values(**gone))
    connection.execute(recovery_code.delete().where(recovery_code.c.account_id == owner.id))
    ended = end_sessions(connection, owner.id, "second_factor_reset")
    renew_account(connection, owner.id)
    note(connection, by, "account.second_factor_reset", owner.id, sessions=ended)
    return ended


def sessions_of(connection: Connection, login: str) -> list[Row[Any]]:
    """Open sessions of an account, the last used first."""
    return open_ones(connection, one(connection, login).id)


def revoke(connection: Connection, by: str, login: str, session_id: UUID | None) -> int:
    """End one session of an account, or all; how many."""
    owner = one(connection, login)
    if session_id is None:
        ended = end_sessions(connection, owner.id, "revoked")
    else:
        own = {row.id for row in open_ones(connection, owner.id)}
        ended = int(session_id in own and end_session(connection, session_id, "revoked"))
    note(connection, by, "account.revoked", owner.id, sessions=ended)
    return ended
