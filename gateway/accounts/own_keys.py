"""The gateway's own signing keys as one process holds them."""

from __future__ import annotations

import time
from collections.abc import Callable

from joserfc.jwk import Key

from chassis.errors import Unavailable
from gateway.accounts.database import IdentityDatabase
from gateway.accounts.sealing import Sealing
from gateway.accounts.signing import KeyRing, key_ring
from gateway.security.compact import BadToken
from gateway.security.issuer_keys import fits

FRESH_SECONDS = 60.0
UNKNOWN_SECONDS = 1.0


class OwnKeys:
    """`lost` is called when a key ended before the tokens it had signed."""

    def __init__(self, database: IdentityDatabase, sealing: Sealing, lost: Callable[[], object]) -> None:
        self._database = database
        self._sealing = sealing
        self._lost = lost
        self._ring: KeyRing | None = None
        self._read_at = float("-inf")

    async def key(self, kid: str, algorithm: str) -> Key:
        """The public key of that id. Raises BadToken `key`, or Unavailable before the keys were ever read."""
        ring = await self.ring()
        if kid not in ring.public and time.monotonic() - self._read_at > UNKNOWN_SECONDS:
            ring = await self.read()
        key = ring.public.get(kid)
        if key is None or not fits(key, algorithm):
            raise BadToken("key")
        return key

    async def ring(self) -> KeyRing:
        """The keys, not older than a minute while the database answers. Raises Unavailable."""
        if self._ring is None or time.monotonic() - self._read_at > FRESH_SECONDS:
            return await self.read()
        return self._ring

    async def read(self) -> KeyRing:
        """The keys as they are in the database; those already known when it is away. Raises Unavailable."""
        before = self._ring
        try:
            # Before the wait, so that callers meanwhile do not ask as well.
            self._read_at = time.monotonic()
            self._ring = await self._database.run(key_ring, self._sealing)
        except Unavailable:
            if before is None:
                raise
            return before
        if before is not None and before.public.keys() - self._ring.public.keys():
            self._lost()
        return self._ring
