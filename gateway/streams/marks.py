"""Where a reader is: what the `id` of an event says, and how a reader comes back to it.

Who may see the whole county is told the offset in the stream. Who may see a part gets a mark of another kind: its own
count of events, contiguous from 1, and the position sealed for this reader (AES-SIV, RFC 5297). An offset would tell
how much happens elsewhere; the count tells only what the reader has, and a jump in it is a gap that nobody announced.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from chassis.errors import InvalidInput
from gateway.security.keys import derived

LARGEST_OFFSET = 2**62
AFTER = r"-1|[0-9]{1,19}|[0-9]{1,19}\.[A-Za-z0-9_-]{54}"
"""What an id of the stream looks like."""
SEALED = r"(0|[1-9][0-9]{0,18})\.([A-Za-z0-9_-]{54})"
_OFFSET = re.compile(r"-1|[0-9]{1,19}")
_SEALED = re.compile(SEALED)
_PLACE = struct.Struct(">qQ8s")
_SIV_BYTES = 64


class Marks(Protocol):
    """How one reader's places are named."""

    def event(self, offset: int) -> str:
        """The id of the next event this reader is given."""

    def here(self, position: int | None) -> str | None:
        """The id of a place between events: resuming there, nothing is missed or repeated. None before there is one."""

    def resume(self, position: int | None) -> int | str | None:
        """The same where the stream ends, as its last message says it."""

    def beat(self, newest: int | None, position: int | None, *, attached: bool) -> dict[str, Any]:
        """What a heartbeat says."""

    def gap(self, first: int, last: int | None, reason: str) -> dict[str, Any]:
        """What is said of events that cannot be had any more."""


class Offsets:
    """Of readers who may see everything."""

    def event(self, offset: int) -> str:
        return str(offset)

    def here(self, position: int | None) -> str | None:
        return None if position is None or position < 0 else str(position)

    def resume(self, position: int | None) -> int | str | None:
        return position

    def beat(self, newest: int | None, position: int | None, *, attached: bool) -> dict[str, Any]:
        """`behind` is null while the stream cannot be read or the reader has not joined it."""
        behind = _behind(newest, position) if attached else None
        return {"newest_offset": newest, "reader_offset": position, "behind": behind}

    def gap(self, first: int, last: int | None, reason: str) -> dict[str, Any]:
        return {"from": first, "to": last, "reason": reason}


class Sealer:
    """Seals and opens places with the gateway's keys (32 bytes each, the current one first)."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = [AESSIV(derived(key, "stream places", _SIV_BYTES)) for key in keys.values()]

    def seal(self, position: int, count: int, subject: str) -> str:
        """Different each time, so that not even whether a place has changed can be seen."""
        plain = _PLACE.pack(position, count, os.urandom(8))
        return base64.urlsafe_b64encode(self._ciphers[0].encrypt(plain, [subject.encode()])).rstrip(b"=").decode()

    def open(self, text: str, subject: str) -> tuple[int, int] | None:
        """Position and count; None when it was not sealed for this reader."""
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            return None
        if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != text:
            # Its last character has bits to spare, and characters that are none are passed over: one mark, one text.
            return None
        for cipher in self._ciphers:
            try:
                position, count, _ = _PLACE.unpack(cipher.decrypt(sealed, [subject.encode()]))
            except (InvalidTag, ValueError, struct.error):
                continue
            return position, count
        return None


class Sealed:
    """Of a reader who may see a part: `count` is how many events it has been given since it began."""

    def __init__(self, sealer: Sealer, subject: str, count: int) -> None:
        self._sealer = sealer
        self._subject = subject
        self.count = count

    def event(self, offset: int) -> str:
        self.count += 1
        return f"{self.count}.{self._sealer.seal(offset, self.count, self._subject)}"

    def here(self, position: int | None) -> str | None:
        if position is None:
            return None
        return f"{self.count}.{self._sealer.seal(position, self.count, self._subject)}"

    def resume(self, position: int | None) -> int | str | None:
        return self.here(position)

    def beat(self, newest: int | None, position: int | None, *, attached: bool) -> dict[str, Any]:
        """`behind` is 0 or null: how many events of others lie before the end would tell of them."""
        caught_up = attached and _behind(newest, position) == 0
        return {"count": self.count, "behind": 0 if caught_up else None}

    def gap(self, first: int, last: int | None, reason: str) -> dict[str, Any]:
        """Neither end nor length, which are offsets: the reader reads what it answers for anew."""
        return {"from": None, "to": None, "reason": reason}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader begins: `position` is the last offset it has, None for the live end."""

    position: int | None
    count: int = 0


def read_place(text: str, field: str, sealer: Sealer, subject: str, *, limited: bool) -> Place:
    """The place that an id names. Raises InvalidInput naming `field` for one that this reader was not given.

    A reader whose rights have changed since may come with a mark of the other kind, as long as it was sealed for it.
    """
    sealed = _SEALED.fullmatch(text)
    if sealed is not None:
        found = sealer.open(sealed[2], subject)
        if found is not None and found[1] == int(sealed[1]):
            return Place(*found)
    elif _OFFSET.fullmatch(text) and int(text) <= LARGEST_OFFSET and (text == "-1" or not limited):
        return Place(int(text))
    raise InvalidInput("must be an id of this stream as this reader was given it, or -1 for its beginning", field=field)


def _behind(newest: int | None, position: int | None) -> int | None:
    if position is None:
        return None
    return 0 if newest is None else max(0, newest - position)
