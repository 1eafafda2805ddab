"""The gateway's own secret (WANGGE_IDENTITY_KEY): seals what the database keeps, and keys the digests it finds by."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from chassis.vault import Vault, parse_master_keys

DEVELOPMENT_IDENTITY_KEY = base64.b64encode(
    hashlib.sha256(b"wangge identity: development only, protects nothing").digest()
).decode()
"""For a developer's machine; anybody can read it here, so production mode refuses it."""


class Sealing:
    """Raises ValueError for a key of the wrong length, and in production mode for one that is guessable."""

    def __init__(self, text: str, *, mode: str) -> None:
        self._vault = Vault.from_text(text, mode=mode)
        parsed = parse_master_keys(text)
        self._digest_key = hmac.digest(parsed.keys[parsed.current], b"wangge identity digests", "sha256")

    def seal(self, subject: str, plaintext: bytes) -> bytes:
        """Encrypted, for that subject's row only."""
        return self._vault.seal(subject, plaintext)

    def open(self, subject: str, sealed: bytes) -> bytes:
        """What was sealed for `subject`. Raises VaultError."""
        return self._vault.open(subject, sealed)

    def keyed(self, *parts: str) -> bytes:
        """A digest by which something guessable (a login, an address) is found and from which it is not guessed."""
        return hmac.digest(self._digest_key, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256")


def secret_text() -> str:
    """256 random bits: cannot be guessed, so a plain hash of it may lie in the database."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """The SHA-256 of a random secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
