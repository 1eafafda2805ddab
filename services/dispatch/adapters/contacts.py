"""Contact details of callers: sealed before they reach the database, opened only for who may read them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection

from chassis.script import Script
from chassis.vault import Vault
from services.dispatch.adapters import bulk

_COLUMNS = (("incident_id", "uuid"), ("sealed", "bytea"))


class ContactRepository:
    """Implements `application.ports.ContactVault`."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault
        self._sealed: dict[UUID, bytes] = {}

    def seal(self, incident_id: UUID, contact: Mapping[str, Any]) -> None:
        """Encrypt now, write with the incident: the plain words go no further than this call."""
        self._sealed[incident_id] = self._vault.seal(str(incident_id), orjson.dumps(contact))

    def open(self, incident_id: UUID) -> dict[str, Any] | None:
        """The contact details, or None when there are none."""
        sealed = self._sealed.get(incident_id)
        if sealed is None:
            statement = "SELECT sealed FROM contact WHERE incident_id = %(id)s::uuid"
            rows = bulk.select(self._connection, statement, {"id": incident_id})
            if not rows:
                return None
            sealed = bytes(rows[0][0])
        opened: dict[str, Any] = orjson.loads(self._vault.open(str(incident_id), sealed))
        return opened

    def save(self, script: Script) -> None:
        """Write what was sealed; their incidents must be there."""
        rows = [{"incident_id": key, "sealed": bulk.bytea(sealed)} for key, sealed in self._sealed.items()]
        bulk.insert(script, "contact", _COLUMNS, rows, bulk.upsert_tail("incident_id", [("sealed", "bytea")]))
        self._sealed.clear()
