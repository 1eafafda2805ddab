"""Statements that need no answer, sent as one message: a round trip saved is time saved while locks are held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy.engine import Connection

COMMIT_SENT = "wangge.commit_sent"
"""In a connection's ``info``: its transaction may have been committed, even if no answer to that came."""


class Executes(Protocol):
    """What takes a statement with its parameters: a connection at once, a ``Script`` when it is run."""

    @property
    def info(self) -> dict[Any, Any]: ...

    def exec_driver_sql(self, statement: str, parameters: Any = None, /) -> Any: ...


class Script:
    """Collects statements with positional parameters; ``run`` sends them in their order. Nothing is sent before."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._statements: list[str] = []
        self._parameters: list[Any] = []

    @property
    def info(self) -> dict[Any, Any]:
        return self._connection.info

    def exec_driver_sql(self, statement: str, parameters: Sequence[Any] = (), /) -> None:
        """Add a statement; what it would have answered nobody learns."""
        self._statements.append(statement)
        self._parameters += parameters

    def run(self, *, commit: bool = False) -> None:
        """Send what was collected, in the transaction that is open, which ``commit`` ends.

        Raises what the first failing statement raises; the transaction is then of no further use.
        """
        if commit and self._statements:
            self._statements.append("COMMIT")
            self._connection.info[COMMIT_SENT] = True
        if self._statements:
            statements, parameters = ";\n".join(self._statements), tuple(self._parameters)
            self._statements.clear()
            self._parameters.clear()
            self._connection.exec_driver_sql(statements, parameters)
