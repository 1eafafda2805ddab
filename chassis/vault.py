"""Personal data at rest: AES-256-GCM (NIST SP 800-38D) under a data key of its own, wrapped by the master key.

Envelope encryption, in two ways of keeping the wrapped data key:

- in the sealed bytes (``seal(subject, plaintext)``): one value, one key; erasing is overwriting the value;
- in one row per subject (``issue_key`` once, then ``seal(…, key=row)``): the sealed bytes may be copied, replicated and
  backed up; **dropping the row of the wrapped key erases every copy**, for nothing else opens them.

Everything is bound to the subject (additional authenticated data): bytes moved to another subject's row do not open.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_WRAPPED_BYTES = _NONCE_BYTES + KEY_BYTES + 16
_WITH_KEY, _WITHOUT_KEY = b"\x01", b"\x02"

DEVELOPMENT_MASTER_KEY = base64.b64encode(
    hashlib.sha256(b"wangge: development only, protects nothing").digest()
).decode()
"""WANGGE_MASTER_KEY for a developer's machine; anybody can read it here, so production mode refuses it."""


class VaultError(Exception):
    """Cannot be opened: another subject's, changed, or its key is gone. Says nothing of the content."""


class Sealed(bytes):
    """Encrypted bytes, ready for a bytea column."""


class WrappedKey(bytes):
    """A subject's data key, wrapped; keep it in a row of its own and drop that row to erase the subject."""


@dataclass(frozen=True)
class MasterKeys:
    """Master keys by id, and which of them wraps new data keys; the others only unwrap (rotation)."""

    keys: Mapping[str, bytes]
    current: str

    def __repr__(self) -> str:
        return f"MasterKeys({', '.join(self.keys)})"


def parse_master_keys(text: str) -> MasterKeys:
    """Reads WANGGE_MASTER_KEY: base64 of 32 bytes; or ``id:base64`` joined by commas, the current one first.

    A key without an id is named after its own SHA-256. Raises ValueError.
    """
    keys: dict[str, bytes] = {}
    for part in text.split(","):
        name, separator, encoded = part.strip().rpartition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise ValueError("a master key is not base64") from None
        if len(key) != KEY_BYTES:
            raise ValueError(f"a master key must be {KEY_BYTES} bytes")
        keys[name if separator else hashlib.sha256(key).hexdigest()[:8]] = key
    return MasterKeys(keys, next(iter(keys)))


class Vault:
    """Seals and opens personal data with a service's master keys (32 bytes each, by id).

    In production mode (the default) it refuses the development key and keys that no random source makes: ValueError.
    """

    def __init__(self, master_keys: Mapping[str, bytes], current: str, *, mode: str = "production") -> None:
        if current not in master_keys:
            raise ValueError("the current master key is not among the master keys")
        for name, key in master_keys.items():
            if len(key) != KEY_BYTES or not 1 <= len(name.encode()) <= 255:
                raise ValueError(f"master key {name!r}: {KEY_BYTES} bytes and an id of 1 to 255 bytes are needed")
            if mode == "production" and _is_guessable(key):
                raise ValueError(f"master key {name!r} is a development or a constant key: refused in production mode")
        self._masters = {name: AESGCM(key) for name, key in master_keys.items()}
        self._current = current

    @classmethod
    def from_text(cls, text: str, *, mode: str) -> "Vault":
        """The vault for WANGGE_MASTER_KEY and WANGGE_MODE as they stand in the settings."""
        parsed = parse_master_keys(text)
        return cls(parsed.keys, parsed.current, mode=mode)

    def issue_key(self, subject: str) -> WrappedKey:
        """A fresh data key for a subject, wrapped by the current master key."""
        return self._wrap(subject, os.urandom(KEY_BYTES))

    def seal(self, subject: str, plaintext: bytes, key: WrappedKey | None = None) -> Sealed:
        """Encrypts for ``subject``; without ``key`` a fresh data key travels, wrapped, in the result."""
        if key is None:
            data_key = os.urandom(KEY_BYTES)
            head = _WITH_KEY + self._wrap(subject, data_key)
        else:
            data_key = self._unwrap(subject, key)[0]
            head = _WITHOUT_KEY
        nonce = os.urandom(_NONCE_BYTES)
        return Sealed(head + nonce + AESGCM(data_key).encrypt(nonce, plaintext, _bound("data", subject)))

    def open(self, subject: str, sealed: bytes, key: WrappedKey | None = None) -> bytes:
        """Decrypts; VaultError when it was sealed for another subject, changed, or its key is not given or unknown."""
        sealed = bytes(sealed)
        marker, rest = sealed[:1], sealed[1:]
        if marker == _WITH_KEY:
            data_key, rest = self._unwrap(subject, rest)
        elif marker == _WITHOUT_KEY and key is not None:
            data_key, _ = self._unwrap(subject, key)
        elif marker == _WITHOUT_KEY:
            raise VaultError("the subject's key is needed; without it the data is erased")
        else:
            raise VaultError("not sealed by this vault")
        nonce, ciphertext = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        return _decrypt(AESGCM(data_key), nonce, ciphertext, _bound("data", subject))

    def cipher(self, subject: str, key: WrappedKey) -> "DataCipher":
        """What seals many numbered records under one data key of a subject. Raises VaultError."""
        return DataCipher(self._unwrap(subject, key)[0], subject)

    @property
    def current(self) -> str:
        """Name of the master key that wraps new data keys."""
        return self._current

    @staticmethod
    def sealed_by(sealed: bytes) -> str:
        """Name of the master key that wrapped the data key in sealed bytes; empty when they carry none."""
        return sealed[2 : 2 + sealed[1]].decode("utf-8", "replace") if sealed[:1] == _WITH_KEY and sealed[1:] else ""

    def rewrap(self, subject: str, wrapped: WrappedKey) -> WrappedKey:
        """The same data key under the current master key: rotation without touching the data."""
        return self._wrap(subject, self._unwrap(subject, wrapped)[0])

    def rewrap_sealed(self, subject: str, sealed: bytes) -> Sealed:
        """The same for sealed bytes that carry their own key; the others come back as they are."""
        sealed = bytes(sealed)
        if sealed[:1] != _WITH_KEY:
            return Sealed(sealed)
        data_key, rest = self._unwrap(subject, sealed[1:])
        return Sealed(_WITH_KEY + self._wrap(subject, data_key) + rest)

    def _wrap(self, subject: str, data_key: bytes) -> WrappedKey:
        name = self._current.encode()
        nonce = os.urandom(_NONCE_BYTES)
        wrapped = self._masters[self._current].encrypt(nonce, data_key, _bound(f"key:{self._current}", subject))
        return WrappedKey(bytes([len(name)]) + name + nonce + wrapped)

    def _unwrap(self, subject: str, blob: bytes) -> tuple[bytes, bytes]:
        """The data key at the front of ``blob``, and what follows it."""
        blob = bytes(blob)
        end = 1 + (blob[0] if blob else 0)
        name = blob[1:end].decode("utf-8", "replace")
        master = self._masters.get(name)
        if master is None:
            raise VaultError("wrapped by a master key that is not configured")
        wrapped, rest = blob[end : end + _WRAPPED_BYTES], blob[end + _WRAPPED_BYTES :]
        return _decrypt(master, wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _bound(f"key:{name}", subject)), rest


class DataCipher:
    """Seals numbered records of one subject; a number is used once under a key, for it is the nonce."""

    def __init__(self, data_key: bytes, subject: str) -> None:
        self._cipher = AESGCM(data_key)
        self._bound = _bound("record", subject)

    def seal(self, number: int, plaintext: bytes) -> bytes:
        return self._cipher.encrypt(number.to_bytes(_NONCE_BYTES, "big"), plaintext, self._bound)

    def open(self, number: int, ciphertext: bytes) -> bytes:
        """Raises VaultError when it is another record, or changed."""
        return _decrypt(self._cipher, number.to_bytes(_NONCE_BYTES, "big"), ciphertext, self._bound)


def _bound(use: str, subject: str) -> bytes:
    # The use is in it too, so that a wrapped key can never be opened as data. NUL ends it: no use contains one.
    return f"wangge:{use}\0{subject}".encode()


def _decrypt(cipher: AESGCM, nonce: bytes, ciphertext: bytes, bound: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, ciphertext, bound)
    except (InvalidTag, ValueError):
        # ValueError: too short to be one. Neither may say more.
        raise VaultError("does not open: another subject's, or changed") from None


def _is_guessable(key: bytes) -> bool:
    # 32 random bytes have fewer than 12 different values less than once in 10^20 keys.
    return key == base64.b64decode(DEVELOPMENT_MASTER_KEY) or len(set(key)) < 12
