"""One JSON document from one configured address: no redirect is followed, no proxy asked, nothing endless read."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

SECONDS = 3.0
MOST_BYTES = 256 * 1024


class NotFetched(Exception):
    """The document is not to be had now; the text says why and holds nothing secret."""


def fetch(url: str) -> dict[str, Any]:
    """The JSON object at `url`; blocks up to a few seconds: run it in a thread. Raises NotFetched."""
    parts = urlsplit(url)
    try:
        connection = _connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.request("GET", parts.path or "/", headers={"Accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read(MOST_BYTES + 1)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise NotFetched(f"{url}: {type(error).__name__}") from error
    if answer.status != http.HTTPStatus.OK or len(body) > MOST_BYTES:
        raise NotFetched(f"{url}: status {answer.status}, {len(body)} bytes")
    return _object(url, body)


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=SECONDS)


def _object(url: str, body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        raise NotFetched(f"{url}: not JSON") from None
    if not isinstance(found, dict):
        raise NotFetched(f"{url}: not an object")
    return found
