"""What the registry tells about the ground, kept here so that dispatch works with the registry down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any

from services.dispatch.application.ports import UnitOfWork
from services.dispatch.domain.centre import Centre, Hours, Post
from services.dispatch.domain.grid_tree import GridNode

Data = Mapping[str, Any]


def take_grids(uow: UnitOfWork, events: Sequence[Data]) -> None:
    """Grids as they are now; an older version than the one known changes nothing."""
    names = (
        "code",
        "version",
        "parent_code",
        "level",
        "kind",
        "name_zh",
        "name_en",
        "boundary",
        "valid_from",
        "valid_to",
        "retired",
    )
    uow.places_writer.put_grids(
        [GridNode(**{name: event[name] for name in names if name in event}) for event in events]
    )


def take_centres(uow: UnitOfWork, events: Sequence[Data]) -> None:
    """Centres as they are now."""
    names = ("code", "name_zh", "name_en", "kind", "grid_code", "lat", "lon", "always_open", "version", "retired")
    uow.places_writer.put_centres(
        [
            Centre(hours=_hours(event.get("hours")), **{name: event[name] for name in names if name in event})
            for event in events
        ]
    )


def take_posts(uow: UnitOfWork, events: Sequence[Data]) -> None:
    """Posts with their A and B holders as they are now."""
    names = ("post_id", "grid_code", "role", "a_holder", "b_holder", "a_absent", "version")
    uow.places_writer.put_posts([Post(**{name: event[name] for name in names}) for event in events])


def _hours(hours: Data | None) -> Hours | None:
    return None if hours is None else Hours(time.fromisoformat(hours["opens"]), time.fromisoformat(hours["closes"]))
