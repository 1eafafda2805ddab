"""Headers that every answer has, and the time that a request's body may take."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from hashlib import sha256

from starlette.types import Message, Receive, Scope

from gateway.routes.problems import RequestTimeout

NO_STORE = (b"cache-control", b"no-store")
POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    POLICY,
    NO_STORE,
)
"""On every answer that does not say otherwise. There is no CORS: no other site's page may read anything here."""
_INLINE = {tag: re.compile(rf"<{tag}>(.*?)</{tag}>", re.DOTALL) for tag in ("style", "script")}


def hardened(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with those of the house that it does not have."""
    present = {name.lower() for name, _ in headers}
    return [*headers, *(each for each in SECURITY_HEADERS if each[0] not in present)]


def page_policy(page: str) -> str:
    """The Content-Security-Policy of a page that loads nothing and runs what stands in it, and nothing else."""
    inline = {
        tag: " ".join(f"'sha256-{b64encode(sha256(found.encode()).digest()).decode()}'" for found in rule.findall(page))
        for tag, rule in _INLINE.items()
    }
    return (
        f"default-src 'none'; style-src {inline['style']}; script-src {inline['script']}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def timed(scope: Scope, receive: Receive, seconds: float, exempt: frozenset[str], route: str) -> Receive:
    """`receive` that raises RequestTimeout when the body is not whole `seconds` after it was first asked for.

    `scope[route]` is looked at when the handler reads, for only then is it known. After the body there is no limit: who
    waits for the client to leave waits as long as the answer lasts.
    """
    give_up: float | None = None
    whole = False

    async def received() -> Message:
        nonlocal give_up, whole
        if whole or scope.get(route) in exempt:
            return await receive()
        loop = asyncio.get_running_loop()
        give_up = loop.time() + seconds if give_up is None else give_up
        try:
            async with asyncio.timeout_at(give_up):
                message = await receive()
        except TimeoutError:
            raise RequestTimeout(f"the body must be there within {seconds:g} s") from None
        whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return received
