"""Statements that the server reads and plans once a connection, not once a call.

psycopg2 has no word for it, so PREPARE and EXECUTE are said in SQL, in the message of the first use. What a service
says for every command is long and always the same: planning it took longer than doing it (measured for one incident
alone: search for duplicates 0.97 ms against 0.41, insert 0.48 against 0.32).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from zlib import crc32

from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.exc import DBAPIError

_PREPARED = "wangge.prepared"
# Each parameter says its type: EXECUTE would not turn a text into a UUID by itself.
_PARAMETER = re.compile(r"%(?:\((?P<name>\w+)\))?s(?P<cast>::[a-z ]+(?:\[\])?)?")
Parameters = Sequence[Any] | Mapping[str, Any]


class Message:
    """Statements on their way to one connection, each by its name where the server knows it already."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Taken now: a connection that is lost has none.
        self._info = connection.info
        self._texts: list[str] = []
        self._values: list[Any] = []
        self._known: set[str] = set()
        if self._info.get(_PREPARED) is None:
            # New, or a message failed midway and nobody knows how far it came.
            self._texts.append("DEALLOCATE ALL")
        else:
            self._known = self._info[_PREPARED]
        self._fresh: set[str] = set()

    def add(self, statement: str, parameters: Parameters = ()) -> None:
        """One statement more. One that has a parameter without a type goes as it is, with parameters in their order.

        Raises KeyError for a named parameter that is missing.
        """
        form = _form(statement)
        if form is None:
            self._texts.append(statement)
            self._values += parameters
            return
        if form.name not in self._known and form.name not in self._fresh:
            self._texts.append(form.prepare)
            self._fresh.add(form.name)
        self._texts.append(form.execute)
        if isinstance(parameters, Mapping):
            self._values += [parameters[name] for name in form.names]
        else:
            self._values += parameters

    def end(self, word: str) -> None:
        """A last word that is no statement to be prepared: COMMIT."""
        self._texts.append(word)

    def send(self) -> CursorResult[Any]:
        """The answer to the last statement. Raises what the first failing one raises."""
        try:
            result = self._connection.exec_driver_sql(";\n".join(self._texts), tuple(self._values))
        except DBAPIError:
            self._info[_PREPARED] = None
            raise
        self._info[_PREPARED] = self._known | self._fresh
        return result


def ask(connection: Connection, statement: str, parameters: Parameters) -> CursorResult[Any]:
    """The answer to one prepared statement, with %s or %(name)s parameters that are each followed by their type."""
    message = Message(connection)
    message.add(statement, parameters)
    return message.send()


class _Form:
    """A statement in the words of PREPARE and EXECUTE; `names` of its parameters, in their order."""

    def __init__(self, statement: str) -> None:
        self.name = f"w{crc32(statement.encode()):08x}"
        self.names: list[str] = []
        casts: list[str] = []

        def numbered(found: re.Match[str]) -> str:
            name = found["name"] or f"{len(casts)}"
            if name not in self.names:
                self.names.append(name)
                casts.append(found["cast"])
            return f"${self.names.index(name) + 1}{found['cast']}"

        body = _PARAMETER.sub(numbered, statement)
        self.prepare = f"PREPARE {self.name} AS {body}"
        arguments = ", ".join(f"%s{cast}" for cast in casts)
        self.execute = f"EXECUTE {self.name}({arguments})" if arguments else f"EXECUTE {self.name}"


@lru_cache(maxsize=256)
def _form(statement: str) -> _Form | None:
    if any(found["cast"] is None for found in _PARAMETER.finditer(statement)) or "%%" in statement:
        return None
    return _Form(statement)
