"""Signing in and going on: the grants of OAuth 2 (RFC 6749) that this gateway serves itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.engine import Connection, Row

from chassis.errors import ServiceError, Unavailable
from chassis.logs import get_logger
from chassis.vault import VaultError
from gateway.accounts import clients, sessions, throttle, totp
from gateway.accounts.database import IdentityDatabase
from gateway.accounts.logins import folded
from gateway.accounts.own_keys import OwnKeys
from gateway.accounts.passwords import Passwords, is_outdated
from gateway.accounts.refusals import InvalidClient, InvalidGrant, SecondFactorRequired
from gateway.accounts.sealing import Sealing, digest
from gateway.accounts.sessions import Lives, Signed
from gateway.accounts.tables import account, recovery_code
from gateway.accounts.throttle import Place
from gateway.accounts.tokens import Terms, claims_of_account, claims_of_client
from gateway.metrics import SIGN_INS

FIRST_PASSWORD = timedelta(days=7)
"""How long a password that somebody else has seen signs in."""
log = get_logger()


@dataclass(frozen=True, slots=True)
class SigningIn:
    """The grants; each answers with the members of a token response (RFC 6749 section 5.1)."""

    database: IdentityDatabase
    passwords: Passwords
    keys: OwnKeys
    sealing: Sealing
    terms: Terms
    lives: Lives

    async def by_password(self, login: str, password: str, otp: str | None, address: str) -> dict[str, Any]:
        """A new session. Raises InvalidGrant, SecondFactorRequired, TooManyAttempts or Unavailable."""
        with counted("password"):
            login = folded(login)
            place = self.place(login, address)
            owner = await self.proven(login, password, place)
            if owner.totp_confirmed and not otp:
                raise SecondFactorRequired("a code of the authenticator app or a recovery code is needed as `otp`")
            signed = await self.database.run(finish, owner, place, otp, self.sealing, self.lives)
            if is_outdated(owner.password_hash):
                fresh = await self.passwords.hashed(password)
                await self.database.run(replace_hash, owner, fresh)
            log.info("signed in", account=str(owner.id), session=str(signed.session_id))
            return await self._answer(signed)

    async def by_refresh_token(self, shown: str) -> dict[str, Any]:
        """The next tokens of a session. Raises InvalidGrant or Unavailable."""
        with counted("refresh_token"):
            signed = await self.database.run(sessions.go_on, shown, self.lives)
            if signed is None:
                log.warning("a refresh token was used twice: its session is ended")
                raise InvalidGrant
            return await self._answer(signed)

    async def by_client_credentials(self, client_id: str, secret: str) -> dict[str, Any]:
        """An access token of an API client. Raises InvalidClient or Unavailable."""
        with counted("client_credentials"):
            row = await self.database.run(clients.by_credentials, client_id, secret)
            if row is None:
                raise InvalidClient("no such client, or another secret")
            ring = await self.keys.ring()
            return self._bearer(ring.sign(claims_of_client(row, self.terms)))

    async def proven(self, login: str, password: str, place: Place) -> Row[Any]:
        """The account whose password this is. Raises InvalidGrant, TooManyAttempts or Unavailable."""
        owner = await self.database.run(begin, login, place)
        right = await self.passwords.fits(password, None if owner is None else owner.password_hash)
        if owner is None or owner.disabled or not right or has_lapsed(owner):
            log.warning("sign-in refused", account=None if owner is None else str(owner.id))
            raise InvalidGrant
        return owner

    def place(self, login: str, address: str) -> Place:
        """Where an attempt comes from, as the throttle counts it."""
        source = throttle.source_of(address)
        return Place(self.sealing.keyed("login", login), self.sealing.keyed("source", source))

    async def _answer(self, signed: Signed) -> dict[str, Any]:
        ring = await self.keys.ring()
        claims = claims_of_account(signed.account, signed.session_id, self.terms)
        setup = self.terms.needs_setup(signed.account)
        return {**self._bearer(ring.sign(claims)), "refresh_token": signed.refresh, "setup_required": setup}

    def _bearer(self, token: str) -> dict[str, Any]:
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.terms.access_seconds}


def has_lapsed(owner: Row[Any]) -> bool:
    """Whether a first or temporary password was not changed in time."""
    return bool(owner.must_change and datetime.now(UTC) - owner.password_at > FIRST_PASSWORD)


class counted:  # noqa: N801 (read as a word: `with counted("password")`)
    """Counts how an attempt ended."""

    def __init__(self, grant: str) -> None:
        self._grant = grant

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        outcome = "accepted" if error is None else error.code if isinstance(error, ServiceError) else "failed"
        SIGN_INS.labels(self._grant, outcome).inc()


def begin(connection: Connection, login: str, place: Place) -> Row[Any] | None:
    """Count the attempt; the account of that login, if there is one. Raises TooManyAttempts."""
    throttle.begin(connection, place)
    return connection.execute(sa.select(account).where(account.c.login == login)).one_or_none()


def finish(
    connection: Connection, owner: Row[Any], place: Place, otp: str | None, sealing: Sealing, lives: Lives
) -> Signed:
    """Check the second factor and open the session. Raises InvalidGrant when anything changed since the password."""
    fresh = locked(connection, owner.id)
    if fresh is None or fresh.disabled or fresh.password_hash != owner.password_hash:
        raise InvalidGrant
    if fresh.totp_confirmed:
        spend_second_factor(connection, fresh, otp or "", sealing)
    throttle.succeed(connection, place)
    connection.execute(account.update().where(account.c.id == fresh.id).values(signed_in_at=func.clock_timestamp()))
    return sessions.open_session(connection, fresh, lives)


def spend_second_factor(connection: Connection, owner: Row[Any], otp: str, sealing: Sealing) -> None:
    """Use up a code of the app or a recovery code. Raises InvalidGrant when it is neither, or was used."""
    code = otp.replace(" ", "")
    if len(code) == totp.DIGITS and code.isdecimal():
        secret = opened(owner, sealing)
        step = totp.matching_step(secret, code, time.time(), owner.totp_step)
        if step is None:
            raise InvalidGrant
        connection.execute(account.update().where(account.c.id == owner.id).values(totp_step=step))
        return
    spent = recovery_code.delete().where(
        recovery_code.c.account_id == owner.id, recovery_code.c.digest == digest(totp.recovery_text(otp))
    )
    if not connection.execute(spent).rowcount:
        raise InvalidGrant


def opened(owner: Row[Any], sealing: Sealing) -> bytes:
    """The secret of an account's second factor. Raises Unavailable when the identity key is another one now."""
    try:
        return sealing.open(str(owner.id), owner.totp_sealed)
    except VaultError:
        log.error("a second factor does not open with the present identity key", account=str(owner.id))  # noqa: TRY400
        raise Unavailable("second factors cannot be checked now", rule="identity_key") from None


def locked(connection: Connection, account_id: UUID) -> Row[Any] | None:
    """The account as it is now, kept from changing until the transaction ends."""
    return connection.execute(sa.select(account).where(account.c.id == account_id).with_for_update()).one_or_none()


def replace_hash(connection: Connection, owner: Row[Any], fresh: str) -> None:
    """Keep the same password under today's parameters, unless it was changed meanwhile."""
    same = sa.and_(account.c.id == owner.id, account.c.password_hash == owner.password_hash)
    connection.execute(account.update().where(same).values(password_hash=fresh))
