"""What people do with their own accounts: another password, a second factor, signing out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.engine import Connection, Row

from chassis.clock import format_time
from chassis.errors import Conflict, Forbidden
from gateway.accounts import sessions, totp
from gateway.accounts.passwords import check_password, normalised
from gateway.accounts.record import note
from gateway.accounts.refusals import InvalidGrant, WeakPassword
from gateway.accounts.revoking import end_session, end_sessions
from gateway.accounts.sealing import Sealing, digest
from gateway.accounts.signing_in import SigningIn, locked, opened
from gateway.accounts.tables import account, recovery_code
from gateway.accounts.throttle import succeed
from gateway.security.standing import Standing


@dataclass(frozen=True, slots=True)
class SelfService:
    """Each takes the standing of the one who asks; that of an API client or of another issuer's person is refused."""

    signing_in: SigningIn

    async def change_password(self, standing: Standing, current: str, new: str, address: str) -> None:
        """Another password; every other session ends. Raises InvalidGrant, WeakPassword, TooManyAttempts."""
        owner = await self._again(standing, current, address)
        check_password(new, owner.login)
        if normalised(new) == normalised(current):
            raise WeakPassword("must differ from the present one", field="new_password", rule="unchanged")
        fresh = await self.signing_in.passwords.hashed(new)
        await self.signing_in.database.run(keep_password, owner, fresh, standing.session)

    async def begin_totp(self, standing: Standing, password: str, address: str) -> dict[str, Any]:
        """The secret for an authenticator app, in force once it is confirmed. Raises Conflict when one is in force."""
        owner = await self._again(standing, password, address)
        secret = totp.new_secret()
        sealed = self.signing_in.sealing.seal(str(owner.id), secret)
        await self.signing_in.database.run(keep_secret, owner.id, sealed)
        label = self.signing_in.terms.issuer.removeprefix("https://")
        return {"secret": totp.spelled(secret), "uri": totp.uri(secret, owner.login, label)}

    async def confirm_totp(self, standing: Standing, code: str) -> list[str]:
        """Put the secret in force, by a code made with it; the recovery codes, told this once. Raises InvalidGrant."""
        account_id, session_id = owner_of(standing)
        codes = totp.recovery_codes()
        database, sealing = self.signing_in.database, self.signing_in.sealing
        await database.run(confirm_secret, account_id, session_id, code, codes, sealing)
        return codes

    async def sign_out_everywhere(self, standing: Standing, password: str, address: str) -> int:
        """End every session of the account; how many. Raises InvalidGrant, TooManyAttempts."""
        owner = await self._again(standing, password, address)
        return await self.signing_in.database.run(end_all, owner.id)

    async def sessions(self, standing: Standing) -> list[dict[str, Any]]:
        """The open sessions of the account, the last used first."""
        account_id, current = owner_of(standing)
        found = await self.signing_in.database.run(sessions.open_ones, account_id)
        return [
            {
                "session_id": str(row.id),
                "created_at": format_time(row.created_at),
                "used_at": format_time(row.used_at),
                "current": row.id == current,
            }
            for row in found
        ]

    async def end_session(self, standing: Standing, session_id: UUID, password: str, address: str) -> int:
        """End one session of the account; 0 when it has no such session. Raises InvalidGrant, TooManyAttempts."""
        owner = await self._again(standing, password, address)
        return await self.signing_in.database.run(end_own, owner.id, session_id)

    async def sign_out(self, shown: str) -> None:
        """End the session of a refresh token; a token nobody knows ends nothing (RFC 7009 section 2.2)."""
        await self.signing_in.database.run(sessions.sign_out, shown)

    async def _again(self, standing: Standing, password: str, address: str) -> Row[Any]:
        """The account, after its password was given once more (ASVS 7.5.1, 7.5.2)."""
        account_id, _ = owner_of(standing)
        owner = await self.signing_in.database.run(locked, account_id)
        if owner is None:
            raise InvalidGrant
        place = self.signing_in.place(owner.login, address)
        proven = await self.signing_in.proven(owner.login, password, place)
        await self.signing_in.database.run(succeed, place)
        return proven


def owner_of(standing: Standing) -> tuple[UUID, UUID]:
    """Account and session of a signed-in person. Raises Forbidden for anybody else."""
    if not standing.own or standing.session is None:
        raise Forbidden("only an account of this county can do this", rule="account")
    return UUID(standing.actor.subject), standing.session


def keep_password(connection: Connection, owner: Row[Any], fresh: str, session_id: UUID | None) -> None:
    """Raises InvalidGrant when the password was changed meanwhile."""
    same = account.update().where(account.c.id == owner.id, account.c.password_hash == owner.password_hash)
    changed = same.values(password_hash=fresh, must_change=False, password_at=func.clock_timestamp())
    if not connection.execute(changed).rowcount:
        raise InvalidGrant
    end_sessions(connection, owner.id, "password_changed", but=session_id)
    note(connection, f"account:{owner.id}", "account.changed_own_word", owner.id)


def keep_secret(connection: Connection, account_id: UUID, sealed: bytes) -> None:
    """Keep a secret that is not in force yet. Raises Conflict when one is in force."""
    free = account.update().where(account.c.id == account_id, account.c.totp_confirmed.is_(False))
    if not connection.execute(free.values(totp_sealed=sealed, totp_step=0)).rowcount:
        raise Conflict("a second factor is in force; an administrator can reset it", code="second_factor_in_force")


def confirm_secret(
    connection: Connection, account_id: UUID, session_id: UUID, code: str, codes: list[str], sealing: Sealing
) -> None:
    """Raises InvalidGrant when nothing waits to be confirmed, or another code was meant."""
    owner = locked(connection, account_id)
    if owner is None or owner.totp_sealed is None or owner.totp_confirmed:
        raise InvalidGrant("no second factor waits to be confirmed")
    step = totp.matching_step(opened(owner, sealing), code, time.time(), owner.totp_step)
    if step is None:
        raise InvalidGrant
    connection.execute(account.update().where(account.c.id == owner.id).values(totp_confirmed=True, totp_step=step))
    connection.execute(recovery_code.delete().where(recovery_code.c.account_id == owner.id))
    kept = [{"account_id": owner.id, "digest": digest(totp.recovery_text(each))} for each in codes]
    connection.execute(recovery_code.insert(), kept)
    end_sessions(connection, owner.id, "second_factor", but=session_id)
    note(connection, f"account:{owner.id}", "account.second_factor_set", owner.id)


def end_own(connection: Connection, account_id: UUID, session_id: UUID) -> int:
    """End a session if it is the account's; how many."""
    own = {row.id for row in sessions.open_ones(connection, account_id)}
    return int(session_id in own and end_session(connection, session_id, "ended_by_owner"))


def end_all(connection: Connection, account_id: UUID) -> int:
    """End every session of an account; how many."""
    ended = end_sessions(connection, account_id, "signed_out_everywhere")
    note(connection, f"account:{account_id}", "account.signed_out_everywhere", account_id, sessions=ended)
    return ended
