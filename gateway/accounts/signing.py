"""The keys that sign this county's own tokens: sealed in the database, published before they are used, renewed.

ES256 (P-256), which every verifier knows. A new key is published for ten minutes before it signs, so that whoever
keeps our key set for a while has it in time; an old one is published until the last token it signed has ended.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import func
from sqlalchemy.engine import Connection, Row

from chassis.ids import uuid7
from chassis.logs import get_logger
from chassis.vault import VaultError
from gateway.accounts.revoking import KEYS, take_back
from gateway.accounts.sealing import Sealing
from gateway.accounts.tables import signing_key
from gateway.security.issuer import ACCESS_TOKEN

log = get_logger()
ALGORITHM = "ES256"
AHEAD = timedelta(minutes=10)
LIFE = timedelta(days=30)
LINGER = timedelta(minutes=15)
_LOCK = "hashtextextended('wangge.signing_key', 0)"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The published keys by id, and the one that signs now."""

    public: dict[str, ECKey]
    signer: ECKey

    def document(self) -> dict[str, Any]:
        """The JWK set (RFC 7517) as it is published."""
        return {"keys": [{**key.as_dict(private=False), "alg": ALGORITHM} for key in self.public.values()]}

    def sign(self, claims: dict[str, Any]) -> str:
        """An access token (RFC 9068) with these claims."""
        header = {"alg": ALGORITHM, "typ": ACCESS_TOKEN, "kid": self.signer.kid}
        return jws.serialize_compact(header, orjson.dumps(claims), self.signer, algorithms=[ALGORITHM])


def key_ring(connection: Connection, sealing: Sealing) -> KeyRing:
    """The keys as they are now; makes the first one, and the next when the newest is old."""
    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    newest = connection.execute(sa.select(func.max(signing_key.c.signs_from))).scalar_one()
    if newest is None:
        _make(connection, sealing, timedelta())
    elif connection.execute(sa.select(func.clock_timestamp() - newest)).scalar_one() > LIFE:
        _make(connection, sealing, AHEAD)
    alive = sa.or_(signing_key.c.ends_at.is_(None), signing_key.c.ends_at > func.clock_timestamp())
    signs = signing_key.c.signs_from <= func.clock_timestamp()
    rows = connection.execute(
        sa.select(signing_key, signs.label("signs")).where(alive).order_by(signing_key.c.signs_from)
    ).all()
    signers = [key for row in rows if row.signs and (key := _opened(row, sealing)) is not None]
    if not signers:
        # Sealed with an identity key that is gone: what they signed still stands, but they sign no more.
        log.error("no signing key opens with the present identity key; another is made")
        _make(connection, sealing, timedelta())
        return key_ring(connection, sealing)
    return KeyRing({row.kid: ECKey.import_key(row.public) for row in rows}, signers[-1])


def _opened(row: Row[Any], sealing: Sealing) -> ECKey | None:
    try:
        return ECKey.import_key(json.loads(sealing.open(row.kid, row.sealed)))
    except VaultError:
        return None


def rotate(connection: Connection, sealing: Sealing, *, at_once: bool = False) -> str:
    """A new key, which signs in ten minutes or at once (when an old one may be known to others); its id."""
    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    if at_once:
        # Whoever holds a stolen key could sign with it until it ends: it ends now.
        connection.execute(signing_key.update().values(ends_at=func.clock_timestamp()))
        take_back(connection, KEYS, 0)
    return _make(connection, sealing, timedelta() if at_once else AHEAD)


def _make(connection: Connection, sealing: Sealing, ahead: timedelta) -> str:
    kid = str(uuid7())
    key = ECKey.generate_key("P-256", parameters={"kid": kid, "use": "sig"})
    retiring = signing_key.update().where(signing_key.c.ends_at.is_(None))
    connection.execute(retiring.values(ends_at=func.clock_timestamp() + ahead + LINGER))
    connection.execute(
        signing_key.insert().values(
            kid=kid,
            sealed=sealing.seal(kid, json.dumps(key.as_dict(private=True)).encode()),
            public=key.as_dict(private=False),
            signs_from=func.clock_timestamp() + ahead,
        )
    )
    return kid
