"""The gateway of a local stack, as commands call it."""

from __future__ import annotations

from typing import Any

import httpx


class ApiError(Exception):
    """The stack is not up, or it answered with a problem; the text is for a person."""


def connect(instance: str) -> httpx.Client:
    """A client of the gateway of `instance`, with its token. Raises ApiError when that stack is not up."""
    from cli.stack.address import NotUpError, address

    try:
        found = address(instance)
    except NotUpError as error:
        raise ApiError(str(error)) from error
    return httpx.Client(base_url=found.url, headers={"authorization": f"Bearer {found.token}"}, timeout=60)


def get(client: httpx.Client, path: str, **parameters: str) -> Any:
    """The JSON of one GET. Raises ApiError with the problem's words."""
    try:
        response = client.get(path, params=parameters)
    except httpx.HTTPError as error:
        raise ApiError(f"{client.base_url}: {error!r}") from error
    if response.is_error:
        raise ApiError(f"GET {path}: {response.status_code} {response.text[:500]}")
    return response.json()
