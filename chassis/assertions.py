"""The gateway's word on who calls, as services take it: a compact JWS (RFC 7515) signed with Ed25519 (RFC 8037).

Only the gateway can sign; a service holds public keys and can check, not speak for anybody. One assertion names one
service as its audience, so that what one service was told opens no other (docs/decisions/0055).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from typing import TypeVar

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis.actor import DEVELOPMENT, Actor
from chassis.errors import Unauthenticated

RENEW_SECONDS = 600.0
ACCEPTED_SECONDS = 7200.0
"""Either way of the service's own clock. Wide, because two hosts' clocks need not agree and a wrong one must stop no
ambulance; rights that are taken away end at once all the same, for the gateway asks at every request."""
REMEMBERED = 10_000
ISSUER = "wangge-gateway"
_TYPE = "wangge-actor+jwt"

K = TypeVar("K")
V = TypeVar("V")


def encode_key(private_key: bytes) -> str:
    """WANGGE_ACTOR_KEY for 32 random bytes."""
    return base64.b64encode(private_key).decode()


def public_key_of(text: str) -> str:
    """The entry of WANGGE_ACTOR_KEYS for a WANGGE_ACTOR_KEY. Raises ValueError."""
    return base64.b64encode(_private(text).public_key().public_bytes_raw()).decode()


DEVELOPMENT_ACTOR_KEY = encode_key(hashlib.sha256(b"wangge actor: development only, proves nothing").digest())
"""WANGGE_ACTOR_KEY for a developer's machine; anybody can sign with it, so production mode refuses it."""


def parse_private_key(text: str) -> str:
    """`text` itself when it is a WANGGE_ACTOR_KEY. Raises ValueError."""
    _private(text)
    return text


def parse_public_keys(text: str) -> str:
    """`text` itself when it is a WANGGE_ACTOR_KEYS: one key, or several with commas between. Raises ValueError."""
    _publics(text)
    return text


class Assertions:
    """The signing side. What was signed for an actor is used again for a while: a person's next request costs no more
    than a look-up.
    """

    def __init__(self, private_key: str) -> None:
        self._key = _private(private_key)
        self._head = _head(self._key.public_key())
        self._signed: dict[tuple[Actor, str], tuple[float, str]] = {}

    def of(self, actor: Actor, audience: str) -> str:
        """The assertion that `audience`, a service's name, will take for this actor."""
        now = time.monotonic()
        known = self._signed.get((actor, audience))
        if known is not None and now < known[0]:
            return known[1]
        claims = {**actor.to_claims(), "iss": ISSUER, "aud": audience, "iat": int(time.time())}
        text = f"{self._head}.{_encode(orjson.dumps(claims))}"
        text = f"{text}.{_encode(self._key.sign(text.encode()))}"
        _make_room(self._signed)
        self._signed[actor, audience] = (now + RENEW_SECONDS, text)
        return text


class Verifier:
    """The service's side: keeps what it has verified, so that a person's next call costs no more than a look-up."""

    def __init__(self, public_keys: str, audience: str, *, mode: str) -> None:
        self._keys = {_head(key): key for key in _publics(public_keys)}
        self._audience = audience
        self._mode = mode
        self._verified: dict[str, tuple[int, Actor]] = {}

    def __call__(self, text: object) -> Actor:
        """The actor of an assertion. Raises Unauthenticated."""
        known = self._verified.get(text) if isinstance(text, str) else None
        if known is None:
            known = self._verify(text)
        issued_at, actor = known
        if abs(time.time() - issued_at) > ACCEPTED_SECONDS:
            raise Unauthenticated("the assertion of the caller is of another time")
        return actor

    def _verify(self, text: object) -> tuple[int, Actor]:
        if not isinstance(text, str) or not text:
            raise Unauthenticated("the call names no caller")
        signed, _, signature = text.rpartition(".")
        head, _, body = signed.partition(".")
        # The head is compared whole with the few that we would sign: no algorithm is ever taken from a message.
        key = self._keys.get(head)
        if key is None:
            raise Unauthenticated("the assertion of the caller is signed by nobody known here")
        try:
            key.verify(_decode(signature), signed.encode())
            claims = orjson.loads(_decode(body))
            actor, issued_at = Actor.from_claims(claims), claims["iat"]
        except (InvalidSignature, ValueError, TypeError, KeyError, AttributeError):
            raise Unauthenticated("the assertion of the caller does not hold") from None
        if claims.get("iss") != ISSUER or claims.get("aud") != self._audience or type(issued_at) is not int:
            raise Unauthenticated("the assertion of the caller is meant for another service")
        if actor.credential == DEVELOPMENT and self._mode == "production":
            raise Unauthenticated("production mode knows no developer")
        _make_room(self._verified)
        self._verified[text] = (issued_at, actor)
        return issued_at, actor


def _make_room(memory: dict[K, V]) -> None:
    while len(memory) >= REMEMBERED:
        del memory[next(iter(memory))]


def _head(key: Ed25519PublicKey) -> str:
    key_id = hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]
    return _encode(orjson.dumps({"alg": "EdDSA", "kid": key_id, "typ": _TYPE}))


def _private(text: str) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("not base64 of 32 bytes") from None


def _publics(text: str) -> list[Ed25519PublicKey]:
    try:
        return [Ed25519PublicKey.from_public_bytes(base64.b64decode(each, validate=True)) for each in text.split(",")]
    except (binascii.Error, ValueError):
        raise ValueError("not base64 of 32 bytes, or several with commas between") from None


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
