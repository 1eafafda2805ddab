"""Which centre answers for an incident, and who stands above it: up the grid tree, past empty desks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo

from services.dispatch.domain.centre import Centre
from services.dispatch.domain.desk import Route, Skip, Step
from services.dispatch.domain.errors import Conflict, Invalid
from services.dispatch.domain.grid_tree import GridTree

NOBODY_ON_SHIFT = "nobody_on_shift"
LOCATION_UNRESOLVED = "location_unresolved"


class Desks:
    """The centres of a county at one moment: where they sit in the tree and which of them are on shift."""

    def __init__(self, tree: GridTree, centres: Iterable[Centre], now: datetime, timezone: tzinfo) -> None:
        self._tree, self._now, self._timezone = tree, now, timezone
        self._by_code = {centre.code: centre for centre in centres if not centre.retired}
        self._by_grid: dict[str, list[Centre]] = {}
        for centre in sorted(self._by_code.values(), key=lambda centre: centre.code):
            self._by_grid.setdefault(centre.grid_code, []).append(centre)

    def route(self, grid_code: str | None) -> Route:
        """The first staffed centre on the way up from `grid_code`; the county's when the place is unknown.

        Nobody on shift anywhere: the uppermost centre takes it all the same, flagged, so that it lies on a desk.
        Raises Conflict `no_centre` when the way up has no centre at all.
        """
        root = self._tree.root()
        start = grid_code if grid_code is not None and self._tree.get(grid_code) else None
        flags = () if start else (LOCATION_UNRESOLVED,)
        chain = [node.code for node in self._tree.upward(start or (root.code if root else ""))]
        skipped: list[Skip] = []
        last: Centre | None = None
        for code in chain:
            for centre in self._by_grid.get(code, ()):
                if self._on_shift(centre):
                    return self._route(centre, tuple(skipped), flags)
                skipped.append(Skip(centre.code, NOBODY_ON_SHIFT))
                last = centre
        if last is None:
            raise Conflict(
                "no_centre",
                "no centre answers for this place or above it",
                field="data.centre_code",
                grid_code=grid_code,
            )
        return self._route(
            last, tuple(skip for skip in skipped if skip.centre_code != last.code), (*flags, NOBODY_ON_SHIFT)
        )

    def route_to(self, centre_code: str) -> Route:
        """The centre that an operator names, on shift or not. Raises Invalid `unknown_centre`."""
        centre = self._by_code.get(centre_code)
        if centre is None:
            raise Invalid(
                "unknown_centre", f"there is no centre {centre_code}", field="data.centre_code", rule="known_centre"
            )
        return self._route(centre, (), () if self._on_shift(centre) else (NOBODY_ON_SHIFT,))

    def step_above(self, grid_code: str | None) -> Step | None:
        """The next level above `grid_code` with somebody on shift, the county when it is not known; None at the top.

        A level that resolves to nobody is passed at once: waiting a whole target for it would help nobody.
        """
        root = self._tree.root()
        if root is None:
            return None
        above = self._tree.upward(grid_code)[1:] if grid_code is not None else []
        if not above:
            if grid_code == root.code or (grid_code is not None and self._tree.get(grid_code)):
                return None
            above = [root]
        for node in above:
            centre = next((centre for centre in self._by_grid.get(node.code, ()) if self._on_shift(centre)), None)
            is_top = node.parent_code is None or node.code == above[-1].code
            if centre is not None or is_top:
                return Step(node.code, node.level, is_top, centre.code if centre else None)
        return None

    def _on_shift(self, centre: Centre) -> bool:
        return centre.on_shift(self._now, self._timezone)

    def _route(self, centre: Centre, skipped: tuple[Skip, ...], flags: tuple[str, ...]) -> Route:
        node = self._tree.get(centre.grid_code)
        return Route(centre.code, centre.grid_code, node.level if node else None, skipped, flags)
