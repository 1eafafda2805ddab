"""The built-in accounts of one gateway process: what recognises its own tokens and keys, and what signs people in."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Row

from chassis.errors import ServiceError, Unavailable
from chassis.logs import get_logger
from gateway.accounts import clients, revoking, throttle
from gateway.accounts.database import IdentityDatabase
from gateway.accounts.heard import Heard, Listener
from gateway.accounts.heard import Row as Revoked
from gateway.accounts.own_keys import OwnKeys
from gateway.accounts.passwords import Passwords
from gateway.accounts.sealing import Sealing
from gateway.accounts.self_service import SelfService
from gateway.accounts.sessions import Lives
from gateway.accounts.signing_in import SigningIn
from gateway.accounts.tokens import Terms, actor_of_client, own_standing
from gateway.security.compact import BadToken
from gateway.security.standing import Standing

UPKEEP_SECONDS = 3600.0
RETRY_SECONDS = 1.0
log = get_logger()


class Accounts:
    """Made once; `forget` is called with what picks the standings that no longer hold."""

    def __init__(self, database_url: str, sealing: Sealing, terms: Terms, lives: Lives) -> None:
        self.terms = terms
        self._database = IdentityDatabase(database_url)
        self._passwords = Passwords()
        self._heard = Heard()
        self._listener: Listener | None = None
        self._upkeep: asyncio.Task[None] | None = None
        self._rereading: asyncio.Task[object] | None = None
        self.forget: Callable[[Callable[[Standing], bool]], object] = lambda _concerned: None
        self.keys = OwnKeys(self._database, sealing, lambda: self.forget(lambda standing: standing.own))
        self.signing_in = SigningIn(self._database, self._passwords, self.keys, sealing, terms, lives)
        self.self_service = SelfService(self.signing_in)

    def start(self) -> None:
        """Begin to listen for what is taken back."""
        loop = asyncio.get_running_loop()

        def told(rows: list[Revoked]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop ended before this thread did
                loop.call_soon_threadsafe(self._take, rows)

        self._listener = Listener(self._database.url, told)
        self._listener.start()
        self._upkeep = asyncio.create_task(self._look_after())

    async def stop(self) -> None:
        """End threads and connections."""
        if self._listener is not None:
            self._listener.stop()
        if self._upkeep is not None:
            self._upkeep.cancel()
        self._passwords.stop()
        self._database.stop()

    @property
    def generation(self) -> int:
        """Goes up with everything that is taken back: who looked before and remembers after must see the same."""
        return self._heard.generation

    def standing_of(self, claims: dict[str, Any], ends: float) -> Standing:
        """Who a token stands for that this county signed. Raises BadToken `taken_back`, or Unavailable at the start."""
        if not self._heard.ready:
            raise Unavailable("it is not known yet which tokens were taken back", rule="accounts_away")
        standing = own_standing(claims, ends)
        if not self._heard.stands(standing):
            raise BadToken("taken_back", "the token was taken back")
        return standing

    async def standing_of_key(self, token: str) -> Standing:
        """Who an API client's key stands for. Raises BadToken `unknown`, or Unavailable."""
        row = await self._database.run(clients.by_key, token)
        if row is None:
            raise BadToken("unknown", "the bearer token is not known here")
        return _standing(row)

    async def standing_of_certificate(self, certificate: str) -> Standing:
        """Who a client certificate stands for. Raises BadToken `certificate`, or Unavailable."""
        row = await self._database.run(clients.by_certificate, certificate)
        if row is None:
            raise BadToken("certificate", "the client certificate belongs to nobody here")
        return _standing(row)

    def _take(self, rows: list[Revoked]) -> None:
        self._heard.take(rows)
        if rows:
            self.forget(lambda standing: not self._heard.stands(standing))
        if any(subject == str(revoking.KEYS) for _seq, subject, _version in rows):
            self._rereading = asyncio.create_task(self.keys.read())

    async def _look_after(self) -> None:
        """Have the keys before the first who asks, and clean up now and then; several processes may do so at once."""
        while True:
            try:
                await self.keys.read()
                await self._database.run(throttle.forget_old)
                await self._database.run(revoking.forget_old)
                pause = UPKEEP_SECONDS
            except ServiceError as error:
                log.warning("the accounts' database is away", error=str(error))
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)


def _standing(row: Row[Any]) -> Standing:
    return Standing(actor_of_client(row), min(float(row.ends), time.time() + 3600), version=row.version, own=True)
