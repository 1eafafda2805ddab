"""Versions over HTTP: entity tags (RFC 9110, section 8.8.3) and what may be asked on their condition (section 13).

A tag is `"<version>"` where only the thing's version is known (the answer of a command), and
`"<version>-<digest>"` where the whole was read: a team becomes free, or a call sign changes inside an incident,
without a new version of its own, and then a reader must not be told 304. `If-Match` compares the version alone.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import InvalidInput

IF_MATCH = "If-Match"
ANY = "*"
_TAG = re.compile(r'"([1-9][0-9]{0,9})(?:-[0-9a-f]{16})?"')
TAG_PATTERN = rf"^(\*|{_TAG.pattern})$"
_LISTED = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def tag_of(version: int, body: bytes | None = None) -> str:
    """The entity tag of a version, or of one representation of it."""
    return f'"{version}"' if body is None else f'"{version}-{blake2b(body, digest_size=8).hexdigest()}"'


def version_asked(request: Request, *, addressed: bool) -> int | None:
    """The version in `If-Match`, None when any will do. Raises InvalidInput for what is not one strong tag of ours.

    A request that is for nothing that is there yet cannot have one: a condition that nobody checks must not pass.
    """
    given = request.headers.get(IF_MATCH)
    if given is None:
        return None
    if not addressed:
        raise InvalidInput("there is nothing yet whose version could match", field=IF_MATCH, rule="not_taken")
    if given.strip() == ANY:
        return None
    found = _TAG.fullmatch(given.strip())
    if found is None:
        raise InvalidInput('must be one strong tag as ETag gave it, like "3"', field=IF_MATCH, rule="entity_tag")
    return int(found[1])


def versioned_response(request: Request, content: dict[str, Any]) -> Response:
    """An answer with its tag, or 304 when the reader has it. Never stored on the way: incidents are nobody's cache."""
    body = orjson.dumps(content)
    headers = {"Cache-Control": "no-store"}
    version = content.get("version")
    if version is not None:
        headers["ETag"] = tag = tag_of(version, body)
        if _has(request.headers.get("If-None-Match", ""), tag):
            return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _has(if_none_match: str, tag: str) -> bool:
    return if_none_match.strip() == ANY or tag in _LISTED.findall(if_none_match)
