"""Whether a token is what it says: signature first, then every claim, then what its issuer may say.

RFC 7519, RFC 8725 (best practice), RFC 9068 (access tokens). Keys come from the issuer as it was configured; what a
token says of keys (`jku`, `x5u`, `jwk`, `x5c`) is never looked at.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from chassis.actor import Actor
from gateway.security.compact import BadToken, Compact
from gateway.security.issuer import Issuer, is_jurisdiction, is_role

MOST_JURISDICTIONS = 64
_ID_TOKEN_CLAIMS = ("nonce", "at_hash", "c_hash", "s_hash")
_SUBJECTS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:wangge:subject")


def check_header(compact: Compact, issuer: Issuer) -> tuple[str, str]:
    """The key's id and the algorithm. Raises BadToken: algorithm, type, critical or key."""
    header = compact.header
    algorithm, kind, kid = (header.get(name) for name in ("alg", "typ", "kid"))
    if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
        raise BadToken("algorithm")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in issuer.types:
        raise BadToken("type", "this is no access token")
    if "crit" in header or "b64" in header:
        # Extensions that change what is signed; nobody who is configured here uses one.
        raise BadToken("critical")
    if not isinstance(kid, str) or not 0 < len(kid) <= 256:
        raise BadToken("key")
    return kid, algorithm


def check_signature(compact: Compact, key: Key, algorithm: str) -> None:
    """Raises BadToken `signature` unless `key` signed exactly this text with `algorithm`."""
    # Other members of the header are the issuer's own affair; the header has been checked above.
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = len(compact.text)
    try:
        jws.deserialize_compact(compact.text, key, algorithms=[algorithm], registry=registry)
    except (JoseError, ValueError, TypeError):
        raise BadToken("signature") from None


def check_claims(claims: dict[str, Any], issuer: Issuer, now: float) -> float:
    """When the token ends, as Unix time in seconds. Raises BadToken naming the claim that refuses it."""
    if claims.get("iss") != issuer.issuer:
        # Compared as it stands: a list that holds the right name is not the right name (CVE-2026-75509).
        raise BadToken("issuer")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(each, str) and each in issuer.audiences for each in named):
        raise BadToken("audience", "the token is for somebody else")
    ends, issued = _moment(claims, "exp"), _moment(claims, "iat")
    begins = _moment(claims, "nbf") if "nbf" in claims else issued
    if ends <= now - issuer.leeway_seconds:
        raise BadToken("expired", "the token has expired")
    if max(begins, issued) > now + issuer.leeway_seconds:
        raise BadToken("not_yet_valid", "the token is not valid yet")
    if ends - issued > issuer.longest_seconds:
        raise BadToken("too_long_lived", "the token lives longer than its issuer may let it")
    _check_use(claims, issuer)
    return ends


def actor_of(claims: dict[str, Any], issuer: Issuer) -> Actor:
    """Who the token stands for. Raises BadToken: subject, roles or jurisdiction.

    A person's `sub` may be a name or an address, and two issuers may give the same one to two persons: the subject is
    made from both and says nothing of the person.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise BadToken("subject")
    client = _at(claims, issuer.client_claim) or claims.get("azp")
    if not isinstance(client, str) or not 0 < len(client) <= 64 or not client.isascii() or not client.isprintable():
        client = "oidc"
    return Actor(
        subject=str(subject_of(issuer.issuer, subject)),
        client=client,
        roles=_roles(claims, issuer),
        jurisdictions=_jurisdictions(claims, issuer),
    )


def subject_of(issuer: str, subject: str) -> uuid.UUID:
    """The opaque id of an issuer's subject: always the same, and another one for another issuer (UUID version 5)."""
    return uuid.uuid5(_SUBJECTS, f"{issuer}\n{subject}")


def _roles(claims: dict[str, Any], issuer: Issuer) -> tuple[str, ...]:
    given = _texts(_at(claims, issuer.roles_claim))
    ours = {issuer.role_names.get(each, "" if issuer.role_names else each) for each in given}
    return tuple(sorted(each for each in ours if is_role(each) and (not issuer.roles or each in issuer.roles)))


def _jurisdictions(claims: dict[str, Any], issuer: Issuer) -> tuple[str, ...]:
    """Those codes that the issuer may give; nothing said is no jurisdiction, never all of them."""
    given = {each for each in _texts(_at(claims, issuer.jurisdiction_claim)) if is_jurisdiction(each)}
    allowed = sorted(each for each in given if each.startswith(issuer.jurisdiction))
    if not 0 < len(allowed) <= MOST_JURISDICTIONS:
        raise BadToken("jurisdiction", "the token names no jurisdiction that its issuer may give")
    return tuple(allowed)


def _check_use(claims: dict[str, Any], issuer: Issuer) -> None:
    for name, value in issuer.access_claims.items():
        if _at(claims, name) != value:
            raise BadToken("type", "this is no access token")
    if any(name in claims for name in _ID_TOKEN_CLAIMS):
        raise BadToken("type", "this is an ID token, no access token")


def _moment(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise BadToken(name)
    return float(value)


def _at(claims: dict[str, Any], path: str) -> Any:
    """The claim of that name, which may itself contain dots or slashes; else the member at that path."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, Iterable) else []
