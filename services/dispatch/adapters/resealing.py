"""Contact details under the present master key: what an earlier one sealed is wrapped anew, so that it can go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, Engine

from chassis.database import in_transaction
from chassis.scope import COUNTY
from chassis.vault import Vault, VaultError
from services.dispatch.adapters import bulk

_PAGE = 500
_NEXT = """
SELECT incident_id, sealed FROM contact WHERE incident_id > %(after)s::uuid ORDER BY incident_id LIMIT %(page)s::integer
FOR UPDATE
"""
_COLUMNS = (("sealed", "bytea"),)
_BEFORE_ALL = UUID(int=0)


@dataclass(slots=True)
class Resealed:
    """What was done: looked at, wrapped anew, and what could not be, by the name of the master key that is missing."""

    seen: int = 0
    changed: int = 0
    left: Counter[str] = field(default_factory=Counter)


def reseal(engine: Engine, vault: Vault, told: Callable[[Resealed], None]) -> Resealed:
    """Wrap every contact's data key by the present master key, some hundred in a transaction; the data stay.

    `told` hears how far it is after each. May be broken off and run again; commands go on meanwhile. Raises Unavailable
    when the database is away.
    """
    done, after = Resealed(), _BEFORE_ALL
    while True:

        def page(connection: Connection, begin: UUID = after) -> tuple[UUID | None, Resealed]:
            return _page(connection, vault, begin)

        last, found = in_transaction(engine, page, scope=COUNTY)
        if last is None:
            return done
        after = last
        done.seen, done.changed = done.seen + found.seen, done.changed + found.changed
        done.left += found.left
        told(done)


def _page(connection: Connection, vault: Vault, after: UUID) -> tuple[UUID | None, Resealed]:
    rows = bulk.select_again(connection, _NEXT, {"after": after, "page": _PAGE})
    found = Resealed(seen=len(rows))
    changed = []
    for incident_id, sealed in rows:
        by = vault.sealed_by(bytes(sealed))
        if by == vault.current:
            continue
        try:
            anew = vault.rewrap_sealed(str(incident_id), bytes(sealed))
        except VaultError:
            found.left[by] += 1
            continue
        changed.append({"incident_id": incident_id, "sealed": bulk.bytea(anew)})
    bulk.update(connection, "contact", "incident_id", _COLUMNS, changed)
    found.changed = len(changed)
    return (rows[-1][0] if rows else None), found
