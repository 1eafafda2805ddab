"""Cursors of lists: where the next page starts, opaque to the caller, refused when made up."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

_SHAPES: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "incidents": (datetime.fromisoformat, UUID),
    "denials": (datetime.fromisoformat, UUID),
    "breaches": (datetime.fromisoformat, UUID, str, int),
}


def write(kind: str, *values: Any) -> str:
    """The cursor for these sort values of the last row shown."""
    return base64.urlsafe_b64encode(orjson.dumps([kind, *values])).decode().rstrip("=")


def read(cursor: str, kind: str) -> list[Any]:
    """The sort values. Raises ValueError unless `write` made it for the same kind of list."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        said, *values = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if said == kind:
            return [make(value) for make, value in zip(_SHAPES[kind], values, strict=True)]
    except (binascii.Error, ValueError, TypeError, AttributeError) as error:
        raise ValueError("not a cursor") from error
    raise ValueError("a cursor of another list")
