"""The grid tree as dispatch knows it: a read model fed by the registry's events, kept so that dispatch works alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class GridNode:
    """One row of the grid read model (registry event grid.changed).

    `boundary` is GeoJSON; the domain never reads it.
    """

    code: str
    version: int
    parent_code: str | None
    level: str
    kind: str | None
    name_zh: str
    name_en: str
    boundary: dict[str, Any] | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    retired: bool = False


class GridTree:
    """The current nodes by code, with the way up from each."""

    def __init__(self, nodes: Iterable[GridNode]) -> None:
        self.nodes = {node.code: node for node in nodes if not node.retired}

    def get(self, code: str) -> GridNode | None:
        """The node, or None when the tree does not have it."""
        return self.nodes.get(code)

    def upward(self, code: str) -> list[GridNode]:
        """From the node itself to the county; stops where a parent is missing, never loops."""
        chain: list[GridNode] = []
        node = self.nodes.get(code)
        while node is not None and node not in chain:
            chain.append(node)
            node = self.nodes.get(node.parent_code) if node.parent_code else None
        return chain

    def root(self) -> GridNode | None:
        """The county."""
        return next((node for node in self.nodes.values() if node.level == "county"), None)
