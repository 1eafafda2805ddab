"""The public keys of one issuer: fetched when needed, kept while it is away, fetched again when it has a new one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from chassis.errors import Unavailable
from chassis.logs import get_logger
from gateway.metrics import ISSUER_FETCHES, ISSUER_KEYS
from gateway.security.compact import BadToken
from gateway.security.fetching import NotFetched, fetch
from gateway.security.issuer import Issuer

FRESH_SECONDS = 300.0
"""After this the keys are fetched again behind the next token, so that a withdrawn key ends."""
UNKNOWN_SECONDS = 10.0
"""A key id nobody knows makes us ask this often at most: it may be invented by whoever sends it."""
RETRY_SECONDS = 2.0
RSA_BITS = 2048
MOST_KEYS = 64
_KINDS: Mapping[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_ALGORITHMS = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("Ed",)}
log = get_logger()


class KeySource(Protocol):
    """Where the keys of an issuer are found."""

    async def key(self, kid: str, algorithm: str) -> Key:
        """The key of that id for that algorithm. Raises BadToken `key`, or Unavailable when no key is known at all."""


class IssuerKeys:
    """`fetched` is what fetches a document; `clock` gives seconds that only go forward."""

    def __init__(
        self,
        issuer: Issuer,
        fetched: Callable[[str], dict[str, Any]] = fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._fetched = fetched
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._known_at = self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def key(self, kid: str, algorithm: str) -> Key:
        """The key of that id for that algorithm. Raises BadToken `key`, or Unavailable when no key is known at all."""
        if not self._keys:
            await self._ask(RETRY_SECONDS)
        elif kid not in self._keys:
            await self._ask(UNKNOWN_SECONDS)
        elif self._clock() - self._known_at > FRESH_SECONDS:
            self._begin(RETRY_SECONDS)
        if not self._keys:
            raise Unavailable("the keys of the token's issuer cannot be had", rule="issuer_away")
        key = self._keys.get(kid)
        if key is None or not fits(key, algorithm):
            raise BadToken("key")
        return key

    async def _ask(self, at_most_every: float) -> None:
        asking = self._begin(at_most_every)
        if asking is not None:
            # Shielded: a caller who leaves must not take the answer from the others.
            await asyncio.shield(asking)

    def _begin(self, at_most_every: float) -> asyncio.Task[None] | None:
        """The one fetch that is under way, or a new one unless the last was just now."""
        if self._asking is None and self._clock() - self._asked_at >= at_most_every:
            self._asking = asyncio.create_task(self._refresh())
        return self._asking

    async def _refresh(self) -> None:
        try:
            keys = await asyncio.to_thread(self._read)
        except NotFetched as error:
            ISSUER_FETCHES.labels(self._issuer.issuer, "failed").inc()
            log.warning(
                "keys of an issuer not fetched", issuer=self._issuer.issuer, kept=len(self._keys), why=str(error)
            )
        else:
            self._keys, self._known_at = keys, self._clock()
            ISSUER_FETCHES.labels(self._issuer.issuer, "fetched").inc()
            ISSUER_KEYS.labels(self._issuer.issuer).set(len(keys))
        finally:
            self._asked_at = self._clock()
            self._asking = None

    def _read(self) -> dict[str, Key]:
        keys = readable(self._fetched(self._issuer.jwks_uri or self._discovered()))
        if not keys:
            # An empty set is more likely a mistake than the wish to lock everybody out.
            raise NotFetched("no key that can be used")
        return keys

    def _discovered(self) -> str:
        found = self._fetched(self._issuer.issuer.rstrip("/") + "/.well-known/openid-configuration")
        uri = found.get("jwks_uri")
        if found.get("issuer") != self._issuer.issuer or not isinstance(uri, str):
            raise NotFetched("the discovery document is another issuer's")
        if urlsplit(uri).scheme != urlsplit(self._issuer.issuer).scheme:
            raise NotFetched("the discovery document leads from https to http")
        return uri


def readable(document: dict[str, Any]) -> dict[str, Key]:
    """The usable public keys of a JWK set by their id: for signatures, asymmetric, long enough."""
    entries = document.get("keys")
    found: dict[str, Key] = {}
    for entry in entries[:MOST_KEYS] if isinstance(entries, list) else ():
        key = _key(entry) if isinstance(entry, dict) else None
        if key is not None:
            found[str(entry["kid"])] = key
    return found


def fits(key: Key, algorithm: str) -> bool:
    """Whether a key may check this algorithm: of its kind, and what the key itself says it is for."""
    named = key.get("alg") if "alg" in key.dict_value else None
    return algorithm.startswith(_ALGORITHMS[key.key_type]) and named in (None, algorithm)


def _key(entry: dict[str, Any]) -> Key | None:
    kind = _KINDS.get(str(entry.get("kty")))
    kid = entry.get("kid")
    if kind is None or not isinstance(kid, str) or not kid or entry.get("use", "sig") != "sig":
        return None
    try:
        key = kind.import_key(entry)
        if isinstance(key, RSAKey) and key.public_key.key_size < RSA_BITS:
            return None
        return key
    except (JoseError, ValueError, TypeError):
        return None
