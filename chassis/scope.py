"""What a transaction may see of tables with row level security: the second wall behind what the code decides.

Policies compare a row's grid code with the setting ``app.scope``: ``*`` is the whole county, else prefixes with commas
between. A transaction that has not said its scope sees and changes nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

SETTING = "app.scope"
COUNTY = "*"
NOTHING = "-"


def scope_of(prefixes: Iterable[str]) -> str:
    """The scope of these prefixes of grid codes; what is none of digits covers no code and is left out."""
    kept = [each for each in prefixes if each == "" or (each.isascii() and each.isdigit())]
    return COUNTY if "" in kept else ",".join(kept) or NOTHING


@contextmanager
def scoped(dbapi_connection: Any, scope: str | None) -> Iterator[None]:
    """Open the transactions of this block with a scope; None leaves it unsaid."""
    dbapi_connection.scope = scope
    try:
        yield
    finally:
        dbapi_connection.scope = None
