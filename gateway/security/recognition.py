"""Who is calling, whatever they show: a token of an issuer or of this county's own, an API key, a certificate."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from chassis.actor import Actor
from chassis.errors import ServiceError, Unauthorised
from gateway.accounts.accounts import Accounts
from gateway.accounts.clients import looks_like_key
from gateway.accounts.refusals import SetupRequired
from gateway.metrics import TOKENS
from gateway.security.compact import BadToken, looks_signed, unpack
from gateway.security.issuer import Issuer
from gateway.security.issuer_keys import IssuerKeys, KeySource
from gateway.security.known import Known
from gateway.security.standing import Standing
from gateway.security.token import DevelopmentToken
from gateway.security.verification import actor_of, check_claims, check_header, check_signature

_VISIBLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer and where its keys are found."""

    issuer: Issuer
    keys: KeySource


class Recognition:
    """The gateway's authority. `accounts` are this county's own, if it has any; `clock` gives Unix time in seconds."""

    def __init__(
        self,
        development: DevelopmentToken,
        issuers: Mapping[str, TrustedIssuer],
        accounts: Accounts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._development = development
        self._issuers = dict(issuers)
        self._accounts = accounts
        self._clock = clock
        self._known: Known[Standing] = Known(clock)
        # A memory of their own: a certificate's text is no secret, and shown as a token it must open nothing.
        self._certificates: Known[Standing] = Known(clock)
        if accounts is not None:
            accounts.forget = self._forget
            self._issuers[accounts.terms.issuer] = TrustedIssuer(accounts.terms.trusted(), accounts.keys)

    async def recognise(self, authorization: str | None, certificate: str | None = None) -> Actor:
        """The actor behind an Authorization header (RFC 6750), or behind a certificate that a trusted proxy verified.

        Raises Unauthorised `missing_token`, BadToken `invalid_token`, SetupRequired when the account must be set up
        first, or Unavailable when nobody can tell now.
        """
        standing = await self.standing(authorization, certificate)
        if standing.setup:
            raise SetupRequired("change the password, and set up the second factor if the role needs one, first")
        return standing.actor

    async def standing(self, authorization: str | None, certificate: str | None = None) -> Standing:
        """What the caller shows stands for, also while the account must be set up. Raises as `recognise` does."""
        if authorization is None and certificate is not None and self._accounts is not None:
            return await self._remembered(self._certificates, certificate, self._accounts.standing_of_certificate)
        shown = bearer(authorization)
        developer = self._development.actor(shown)
        if developer is not None:
            return Standing(developer, math.inf)
        return await self._remembered(self._known, shown, self._proven)

    async def _remembered(
        self, memory: Known[Standing], shown: str, look: Callable[[str], Awaitable[Standing]]
    ) -> Standing:
        found = memory.get(shown)
        if found is None:
            generation = self._generation
            found = await counted(look(shown))
            if self._generation == generation:
                # Else something was taken back while we looked, perhaps this.
                memory.put(shown, found, found.ends)
        return found

    @property
    def _generation(self) -> int:
        return 0 if self._accounts is None else self._accounts.generation

    def _forget(self, concerned: Callable[[Standing], bool]) -> None:
        self._known.forget(concerned)
        self._certificates.forget(concerned)

    async def _proven(self, shown: str) -> Standing:
        if self._accounts is not None and looks_like_key(shown):
            return await self._accounts.standing_of_key(shown)
        if not looks_signed(shown):
            raise BadToken("unknown", "the bearer token is not known here")
        compact = unpack(shown)
        named = compact.claims.get("iss")
        trusted = self._issuers.get(named) if isinstance(named, str) else None
        if trusted is None:
            raise BadToken("issuer")
        kid, algorithm = check_header(compact, trusted.issuer)
        check_signature(compact, await trusted.keys.key(kid, algorithm), algorithm)
        ends = check_claims(compact.claims, trusted.issuer, self._clock())
        if self._accounts is not None and named == self._accounts.terms.issuer:
            return self._accounts.standing_of(compact.claims, ends)
        return Standing(actor_of(compact.claims, trusted.issuer), ends)


async def counted(looking: Awaitable[Standing]) -> Standing:
    """The standing, with a count of how the look ended."""
    try:
        found = await looking
    except ServiceError as error:
        TOKENS.labels(error.rule or error.code).inc()
        raise
    TOKENS.labels("accepted").inc()
    return found


def bearer(authorization: str | None) -> str:
    """The token in an Authorization header. Raises Unauthorised `missing_token`, or BadToken when it cannot be one."""
    scheme, _, given = (authorization or "").partition(" ")
    token = given.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthorised("an Authorization header with a bearer token is required")
    if not _VISIBLE.fullmatch(token):
        raise BadToken("malformed")
    return token


def trusted(issuers: tuple[Issuer, ...]) -> dict[str, TrustedIssuer]:
    """The configured issuers by name, each with keys that are fetched from it."""
    return {each.issuer: TrustedIssuer(each, IssuerKeys(each)) for each in issuers}
