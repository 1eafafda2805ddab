"""What happened, as the outside saw it: one JSON line an entry, kept in memory for the checker as well."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Journal:
    """Entries of the kinds invoke, answer, again, trouble, event, gap, witness, sent, reply, fault, effect.

    `at` is Unix time by the machine's clock.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []

    def add(self, kind: str, **told: Any) -> None:
        entry = {"at": time.time(), "kind": kind, **told}
        with self._lock:
            self._entries.append(entry)
            self._file.write(json.dumps(entry, ensure_ascii=False, default=str) + "\n")

    def all(self) -> list[dict[str, Any]]:
        """Every entry so far, oldest first."""
        with self._lock:
            return list(self._entries)

    def of(self, kind: str) -> Iterator[dict[str, Any]]:
        """All entries of a kind so far, oldest first."""
        return (entry for entry in self.all() if entry["kind"] == kind)

    def close(self) -> None:
        self._file.close()
