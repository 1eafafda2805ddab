"""An append-only chain of records: each hash covers the record and the hash before it (SHA-256, FIPS 180-4).

Whoever edits, removes, inserts or swaps a record must recompute every hash after it; the head, published with every
event, is what that cannot reach.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

HASH_BYTES = 32
GENESIS = bytes(HASH_BYTES)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first record that does not fit: its ``seq`` and why.

    ``missing``: the sequence jumps; ``order``: it does not go up; ``hash``: the content or its predecessor was changed;
    ``head``: the chain ends elsewhere than the head kept beside it says (records cut off or added at the end).
    """

    seq: int
    reason: Literal["missing", "order", "hash", "head"]


def link(previous: bytes, body: bytes) -> bytes:
    """The hash of a record: SHA-256 over the previous hash (32 bytes, ``GENESIS`` for the first) and the exact body."""
    if len(previous) != HASH_BYTES:
        # A fixed length is what keeps (previous, body) unambiguous.
        raise ValueError(f"the previous hash must be {HASH_BYTES} bytes, got {len(previous)}")
    return hashlib.sha256(previous + body).digest()


def verify(rows: Iterable[tuple[int, bytes, bytes]], head: bytes | None = None) -> Broken | None:
    """Checks (seq, body, hash) rows in chain order, sequence 1, 2, 3…; the first break, or None when all fit.

    ``head`` is the hash kept beside the chain; without it a chain cut off at its end still verifies.
    """
    previous, expected_seq = GENESIS, 1
    for seq, body, stored in rows:
        if seq != expected_seq:
            return Broken(seq, "missing" if seq > expected_seq else "order")
        computed = link(previous, bytes(body))
        if not hmac.compare_digest(computed, bytes(stored)):
            return Broken(seq, "hash")
        previous, expected_seq = computed, expected_seq + 1
    if head is not None and not hmac.compare_digest(previous, bytes(head)):
        return Broken(expected_seq, "head")
    return None
