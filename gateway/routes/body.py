"""Reading a request's body: counted while it arrives, so that nothing larger than the limit is ever held."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from chassis.errors import PayloadTooLarge
from gateway.routes.problems import InvalidJson, InvalidUtf8, UnsupportedMediaType

LIMIT_BYTES = 1024 * 1024


async def read_object(request: Request, limit: int = LIMIT_BYTES) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object.

    Raises PayloadTooLarge, UnsupportedMediaType, InvalidUtf8 or InvalidJson, and ClientDisconnect when the
    caller is gone.
    """
    body = await read_bytes(request, limit)
    if not body:
        return {}
    require_type(request, ("application/json",))
    return parse_object(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """One JSON object. Raises InvalidUtf8 or InvalidJson with the place of the mistake."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _why(body, error) from None
    if not isinstance(found, dict):
        raise InvalidJson("must be a JSON object")
    return found


def require_type(request: Request, accepted: tuple[str, ...]) -> None:
    """Refuse other content types, other charsets than UTF-8 and any content coding. Raises UnsupportedMediaType."""
    media, _, rest = request.headers.get("content-type", "").partition(";")
    if media.strip().lower() not in accepted:
        raise UnsupportedMediaType(f"the body must be {accepted[0]}", field="Content-Type")
    charset = rest.replace(" ", "").lower()
    if charset.startswith("charset=") and charset.strip('"').removeprefix("charset=").strip('"') not in (
        "utf-8",
        "utf8",
    ):
        raise UnsupportedMediaType("the charset must be utf-8", field="Content-Type")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("the body must not be compressed", field="Content-Encoding")


async def read_bytes(request: Request, limit: int) -> bytes:
    """The body as it came. Raises PayloadTooLarge, and ClientDisconnect when the caller is gone."""
    too_large = PayloadTooLarge(f"the body may have {limit} bytes", limit_bytes=limit)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _why(body: bytes, error: orjson.JSONDecodeError) -> InvalidUtf8 | InvalidJson:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as found:
        return InvalidUtf8(f"byte {found.start} is not UTF-8", position=found.start)
    return InvalidJson(f"{error.msg} at character {error.pos}", position=error.pos)
