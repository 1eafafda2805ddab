"""Reading a posted HTML form (application/x-www-form-urlencoded), once a request."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from chassis.errors import MalformedRequest
from gateway.routes.body import read_bytes, require_type
from gateway.routes.problems import InvalidUtf8

CONTENT_TYPE = "application/x-www-form-urlencoded"
LIMIT_BYTES = 64 * 1024
MOST_FIELDS = 100
_READ = "wangge.form"


async def read_form(request: Request) -> dict[str, list[str]]:
    """Every field with its values, blank ones included.

    Raises PayloadTooLarge, UnsupportedMediaType, InvalidUtf8, MalformedRequest, and ClientDisconnect when the caller
    is gone.
    """
    found: dict[str, list[str]] | None = request.scope.get(_READ)
    if found is None:
        require_type(request, (CONTENT_TYPE,))
        found = request.scope[_READ] = parse_form(await read_bytes(request, LIMIT_BYTES))
    return found


def parse_form(body: bytes) -> dict[str, list[str]]:
    """The fields in a body. Raises InvalidUtf8 or MalformedRequest."""
    try:
        pairs = parse_qsl(body.decode(), True, encoding="utf-8", errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise InvalidUtf8("the form is not percent-encoded UTF-8") from None
    except ValueError:
        raise MalformedRequest(f"the form may have {MOST_FIELDS} fields") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
