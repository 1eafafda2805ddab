"""What administrators do with API clients. Each function runs in a transaction of the caller's; `by` is who does it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.engine import Connection, Row

from chassis.errors import Conflict, InvalidInput, NotFound
from chassis.ids import uuid7
from contracts.rights.permissions import PERMISSIONS
from gateway.accounts.administration import check_rights
from gateway.accounts.clients import MARK
from gateway.accounts.record import note
from gateway.accounts.revoking import renew_client
from gateway.accounts.sealing import digest, secret_text
from gateway.accounts.tables import api_client
from gateway.accounts.tokens import ACCOUNT_CLIENT

LONGEST_DAYS = 366
_NAME = re.compile(r"[a-z][a-z0-9-]{2,39}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
RESERVED = frozenset({ACCOUNT_CLIENT, "oidc", "dev-token", "nobody", "gateway"})


def add(
    connection: Connection,
    by: str,
    name: str,
    roles: Sequence[str],
    jurisdictions: Sequence[str],
    scopes: Sequence[str] | None,
    days: int,
    certificate: str | None = None,
) -> tuple[UUID, str]:
    """A new client; its id, and its key, told this once. Raises Conflict or InvalidInput."""
    check_rights(roles, jurisdictions)
    _check(name, scopes, days)
    if connection.execute(sa.select(api_client.c.id).where(api_client.c.name == name)).one_or_none():
        raise Conflict("there is a client of that name", code="name_taken", field="name")
    found, prefix, secret = uuid7(), _prefix(), secret_text()
    connection.execute(
        api_client.insert().values(
            id=found, name=name, prefix=prefix, secret_digest=digest(secret), roles=list(roles),
            certificate=certificate, jurisdictions=list(jurisdictions), scopes=None if scopes is None else list(scopes),
            expires_at=func.clock_timestamp() + timedelta(days=days),
        )
    )  # fmt: skip
    note(
        connection, by, "api_client.added", found, name=name, roles=list(roles), jurisdictions=list(jurisdictions),
        scopes=None if scopes is None else list(scopes), days=days, certificate=certificate,
    )  # fmt: skip
    return found, _key(prefix, secret)


def every(connection: Connection) -> list[Row[Any]]:
    """All clients by name."""
    return list(connection.execute(sa.select(api_client).order_by(api_client.c.name)))


def rotate(connection: Connection, by: str, name: str, grace: timedelta, days: int) -> str:
    """A new key for a client, told this once; the present one stands for `grace` longer. Raises NotFound."""
    _check(name, None, days)
    row = _one(connection, name)
    prefix, secret = row.prefix, secret_text()
    now = func.clock_timestamp()
    connection.execute(
        api_client.update()
        .where(api_client.c.id == row.id)
        .values(
            secret_digest=digest(secret), previous_digest=row.secret_digest, previous_until=now + grace,
            expires_at=now + timedelta(days=days),
        )
    )  # fmt: skip
    renew_client(connection, row.id)
    note(connection, by, "api_client.rotated", row.id, grace_seconds=int(grace.total_seconds()), days=days)
    return _key(prefix, secret)


def revoke(connection: Connection, by: str, name: str) -> None:
    """Take a client's key back, for good and at once. Raises NotFound."""
    row = _one(connection, name)
    connection.execute(
        api_client.update().where(api_client.c.id == row.id).values(revoked_at=func.clock_timestamp(), certificate=None)
    )
    renew_client(connection, row.id)
    note(connection, by, "api_client.revoked", row.id)


def _one(connection: Connection, name: str) -> Row[Any]:
    alive = sa.select(api_client).where(api_client.c.name == name, api_client.c.revoked_at.is_(None))
    found = connection.execute(alive.with_for_update()).one_or_none()
    if found is None:
        raise NotFound("there is no client of that name, or it was revoked", field="name")
    return found


def _check(name: str, scopes: Sequence[str] | None, days: int) -> None:
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise InvalidInput("3 to 40 lower-case letters, digits and hyphens", field="name", rule="name")
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(f"1 to {LONGEST_DAYS} days", field="days", rule="days")
    for each in scopes or ():
        if each not in PERMISSIONS:
            raise InvalidInput(f"there is no permission {each}", field="scope", rule="scope")


def _prefix() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(12))


def _key(prefix: str, secret: str) -> str:
    return f"{MARK}{prefix}_{secret}"
