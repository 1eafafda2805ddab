"""Statements that need no answer, sent as one message: a round trip saved is time saved while locks are held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy.engine import Connection

from chassis.prepared import Message, ask

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
        self._statements: list[tuple[str, Sequence[Any]]] = []

    @property
    def info(self) -> dict[Any, Any]:
        return self._connection.info

    def exec_driver_sql(self, statement: str, parameters: Sequence[Any] = (), /) -> None:
        """Add a statement; what it would have answered nobody learns."""
        self._statements.append((statement, parameters))

    def run(self, *, commit: bool = False) -> None:
        """Send what was collected, in the transaction that is open, which ``commit`` ends.

        Raises what the first failing statement raises; the transaction is then of no further use.
        """
        if not self._statements:
            return
        message = Message(self._connection)
        for statement, parameters in self._statements:
            message.add(statement, parameters)
        self._statements.clear()
        if commit:
            message.end("COMMIT")
            self._connection.info[COMMIT_SENT] = True
        message.send()


def say(to: Executes, statement: str, parameters: Sequence[Any]) -> None:
    """One statement that is said all day, prepared: at once to a connection, or as part of a script."""
    if isinstance(to, Connection):
        ask(to, statement, parameters)
    else:
        to.exec_driver_sql(statement, parameters)
