"""Reading the timeline of an incident view: which facts happened, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.names import TYPE_RULE

View = Mapping[str, Any]


def facts_of(incident: View) -> Iterator[tuple[str, View]]:
    """Every entry of the timeline with the name of its fact, oldest first; nothing without a timeline."""
    for entry in incident.get("timeline", ()):
        rule = TYPE_RULE.fullmatch(entry["type"])
        yield (rule["fact"] if rule else entry["type"]), entry
