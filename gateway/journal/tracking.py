"""Tracking ids: what a caller follows a taken call by.

The id is sealed (AES-SIV, RFC 5297) for the caller it was given to and holds the journal, the time taken and the key:
every gateway with the same key tells it from nonsense, and what dispatch answered can be asked for by the key. The same
call has the same id.
"""

from __future__ import annotations

import base64
import binascii
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from gateway.security.keys import derived

PATTERN = r"[A-Za-z0-9_-]{40,400}"
_HEAD = struct.Struct(">B8sQ")
_UUID, _TEXT = 1, 2
_SIV_BYTES = 64


@dataclass(frozen=True, slots=True)
class Tracked:
    """What a tracking id says. `taken_us` is in microseconds since 1970."""

    journal: bytes
    taken_us: int
    key: str


class Tracking:
    """Makes and reads tracking ids with the gateway's keys (32 bytes each, the current one first)."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = [AESSIV(derived(key, "tracking", _SIV_BYTES)) for key in keys.values()]

    def seal(self, tracked: Tracked, owner: str) -> str:
        """The id, 58 letters for a key that is a UUID."""
        kind, key = _packed(tracked.key)
        plain = _HEAD.pack(kind, tracked.journal, tracked.taken_us) + key
        return base64.urlsafe_b64encode(self._ciphers[0].encrypt(plain, [owner.encode()])).rstrip(b"=").decode()

    def open(self, text: str, owner: str) -> Tracked | None:
        """What the id says; None when it is not one that this caller was given."""
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            return None
        for cipher in self._ciphers:
            try:
                plain = cipher.decrypt(sealed, [owner.encode()])
            except (InvalidTag, ValueError):
                continue
            kind, journal, taken_us = _HEAD.unpack_from(plain)
            key = plain[_HEAD.size :]
            return Tracked(journal, taken_us, str(uuid.UUID(bytes=key)) if kind == _UUID else key.decode())
        return None


def _packed(key: str) -> tuple[int, bytes]:
    try:
        made = uuid.UUID(key)
    except ValueError:
        return _TEXT, key.encode()
    # Only a key in the usual spelling comes back as it was.
    return (_UUID, made.bytes) if str(made) == key else (_TEXT, key.encode())
