"""Identifiers: UUID version 7 (RFC 9562), sortable by the time they were made."""

import os
import threading
import time
import uuid

_TAIL_BITS = 74
_TAIL_LIMIT = 1 << _TAIL_BITS
_RAND_B_MASK = (1 << 62) - 1

_lock = threading.Lock()
_last_millisecond = 0
_last_tail = 0


def uuid7() -> uuid.UUID:
    """A new UUIDv7, greater than every one made before in this process (RFC 9562 section 6.2, method 2).

    Within one millisecond, and when the wall clock steps back, the random tail is counted up by a random step, so the
    order holds and the next identifier still cannot be guessed.
    """
    global _last_millisecond, _last_tail
    with _lock:
        millisecond = time.time_ns() // 1_000_000
        if millisecond > _last_millisecond:
            # The top bit stays clear: room to count up within the millisecond.
            tail = int.from_bytes(os.urandom(10), "big") >> 7
        else:
            millisecond = _last_millisecond
            tail = _last_tail + 1 + int.from_bytes(os.urandom(7), "big")
            if tail >= _TAIL_LIMIT:
                millisecond += 1
                tail = int.from_bytes(os.urandom(10), "big") >> 7
        _last_millisecond, _last_tail = millisecond, tail
    value = millisecond << 80 | 0x7 << 76 | (tail >> 62) << 64 | 0b10 << 62 | tail & _RAND_B_MASK
    return uuid.UUID(int=value)
