"""The gateway's own key, and keys made from it, one for each purpose (HKDF, RFC 5869)."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derived(key: bytes, purpose: str, length: int) -> bytes:
    """`length` bytes for one purpose; nothing can be learnt from them about the key or about another purpose."""
    return HKDF(SHA256(), length, salt=None, info=f"wangge gateway: {purpose}".encode()).derive(key)
