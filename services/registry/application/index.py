"""What the registry can do, by the name it is asked by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.registry.application import announce, county_import, queries

QUERIES: dict[str, Callable[..., dict[str, Any]]] = {
    "get_grid": queries.get_grid,
    "children": queries.children,
    "history": queries.history,
    "locate": queries.locate,
    "list_centres": queries.list_centres,
    "list_posts": queries.list_posts,
    "tree": queries.tree,
}

COMMANDS = {"import_county": county_import.import_county, "announce": announce.announce}
