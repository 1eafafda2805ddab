"""The gateway of a local stack, as commands call it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import httpx

_CUT = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
_ASKED_AGAIN = 2


class ApiError(Exception):
    """The stack is not up, or it answered with a problem; the text is for a person."""


def connect(instance: str) -> httpx.Client:
    """A client of the gateway of `instance`, with its token. Raises ApiError when that stack is not up.

    WANGGE_URL and WANGGE_TOKEN name a gateway that `wangge up` did not start: of a compose project, of a cluster.
    """
    if url := os.environ.get("WANGGE_URL"):
        return _client(url, os.environ.get("WANGGE_TOKEN", ""))
    from cli.stack.address import NotUpError, address

    try:
        found = address(instance)
    except NotUpError as error:
        raise ApiError(str(error)) from error
    return _client(found.url, found.token)


def _client(url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=60)


def get(client: httpx.Client, path: str, **parameters: str) -> Any:
    """The JSON of one GET, asked again where its connection was cut: a gateway drains, another is there.

    Raises ApiError with the problem's words.
    """
    try:
        response = _asked(client, path, parameters)
    except httpx.HTTPError as error:
        raise ApiError(f"{client.base_url}: {error!r}") from error
    if response.is_error:
        raise ApiError(f"GET {path}: {response.status_code} {response.text[:500]}")
    return response.json()


def _asked(client: httpx.Client, path: str, parameters: dict[str, str]) -> httpx.Response:
    for _ in range(_ASKED_AGAIN):
        with suppress(*_CUT):
            return client.get(path, params=parameters)
    return client.get(path, params=parameters)
