"""A JSON Web Token in its compact form (RFC 7519, RFC 7515), taken apart without believing any of it.

Stricter than most parsers, because two parsers that read one text differently are how tokens are forged: base64url has
one spelling, JSON names a member once, and nothing is longer than a head may carry.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from chassis.errors import Unauthorised

MOST_CHARACTERS = 8 * 1024
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class BadToken(Unauthorised):
    """A bearer token that proves nobody; `rule` says which check refused it (RFC 6750 `invalid_token`)."""

    code = "invalid_token"

    def __init__(self, rule: str, detail: str = "the bearer token is not valid here") -> None:
        super().__init__(detail, rule=rule)


@dataclass(frozen=True, slots=True)
class Compact:
    """What a token says of itself: nothing in it is proven yet."""

    text: str
    header: dict[str, Any]
    claims: dict[str, Any]


def looks_signed(token: str) -> bool:
    """True for three segments with dots between: a signed token, whatever is in it."""
    return token.count(".") == 2


def unpack(token: str) -> Compact:
    """The token's two JSON objects. Raises BadToken: too_long or malformed."""
    if len(token) > MOST_CHARACTERS:
        raise BadToken("too_long")
    segments = token.split(".")
    if len(segments) != 3:
        raise BadToken("malformed")
    header, claims, _signature = (_decoded(segment) for segment in segments)
    return Compact(token, _object(header), _object(claims))


def _decoded(segment: str) -> bytes:
    if not _SEGMENT.fullmatch(segment):
        raise BadToken("malformed")
    try:
        found = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        raise BadToken("malformed") from None
    # The last character may have bits that decode to nothing: with those free, one token has several spellings.
    if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != segment:
        raise BadToken("malformed")
    return found


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadToken("malformed") from None
    if not isinstance(found, dict):
        raise BadToken("malformed")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
