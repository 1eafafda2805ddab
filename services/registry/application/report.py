"""What became of an import: counts by kind, and for every refused record where it is and why, in both languages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from services.registry.domain.errors import Refusal

# A file in a wrong projection breaks every row; nobody reads the ten thousandth.
MOST_ERRORS = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """One refused record.

    ``row``: line of a CSV file (the header is 1) or number of a GeoJSON feature (the first is 1); 0 is the file itself.
    """

    file: str
    row: int
    field: str | None
    rule: str
    code: str | None
    message_zh: str
    message_en: str

    def to_dict(self) -> dict[str, Any]:
        """As printed by ``admin import --json``."""
        return {
            "file": self.file,
            "row": self.row,
            "field": self.field,
            "rule": self.rule,
            "code": self.code,
            "message_zh": self.message_zh,
            "message_en": self.message_en,
        }


@dataclass(slots=True)
class Tally:
    """What happened to the rows of one file."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    retired: int = 0
    unchanged: int = 0
    refused: int = 0


@dataclass(slots=True)
class ImportReport:
    """``applied``: something was written or was there already; False when faults held the import back."""

    partial: bool
    applied: bool = False
    tallies: dict[str, Tally] = field(default_factory=dict)
    events: int = 0
    tree_version: int | None = None
    faults: list[Fault] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As printed by ``admin import --json``."""
        return {
            "ok": not self.faults,
            "partial": self.partial,
            "applied": self.applied,
            "counts": {
                name: {slot: getattr(tally, slot) for slot in tally.__slots__} for name, tally in self.tallies.items()
            },
            "events": self.events,
            "tree_version": self.tree_version,
            "errors_total": len(self.faults),
            "errors": [fault.to_dict() for fault in self.faults[:MOST_ERRORS]],
        }


@cache
def rules() -> dict[str, dict[str, str]]:
    """Every rule with its message in both languages."""
    found: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("rules.json").read_text("utf-8"))
    return found


def fault_of(refusal: Refusal, file: str, row: int, code: str | None) -> Fault:
    """The refusal of a record as a line of the report; the Chinese message comes from rules.json."""
    rule = refusal.rule or refusal.code
    message_zh = rules()[rule]["zh"].format_map(_Gaps(refusal.extra))
    return Fault(file, row, refusal.field, rule, code, message_zh, refusal.detail)


class _Gaps(dict[str, Any]):
    """A message whose detail is missing is still a message."""

    def __missing__(self, key: str) -> str:
        return ""
