"""Who changed what about whom: a row in the same transaction as the change, never a secret in it."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.engine import Connection, Row

from gateway.accounts.tables import audit

_NEVER = re.compile(r"password|secret|token|totp_sealed|digest|hash")


def note(connection: Connection, by: str, action: str, subject: object, **detail: Any) -> None:
    """Write one row. Raises ValueError for a detail that is named like a secret."""
    if any(_NEVER.search(name) for name in detail):
        raise ValueError("a secret does not belong in the audit")
    connection.execute(audit.insert().values(by=by, action=action, subject=str(subject), detail=detail))


def about(connection: Connection, subject: object) -> list[Row[Any]]:
    """What was changed about a subject, the newest first."""
    return list(connection.execute(audit.select().where(audit.c.subject == str(subject)).order_by(audit.c.seq.desc())))
