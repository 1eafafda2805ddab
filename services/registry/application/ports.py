"""What the use cases need from outside. The adapters that meet them are chosen in bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from services.registry.domain.boundary import Boundary
from services.registry.domain.centre import Centre
from services.registry.domain.grid import GridNode
from services.registry.domain.post import Post
from services.registry.domain.versions import Versioned

T = TypeVar("T")
V = TypeVar("V", bound=Versioned[Any])


class Repository(Protocol[V]):
    """Aggregates of one kind, loaded with their newest version only."""

    def all_current(self) -> dict[str, V]:
        """Every one by its key, the retired included."""
        ...

    def keys(self) -> list[str]:
        """The keys of all of them, in no order."""
        ...

    def current(self, keys: Collection[str]) -> dict[str, V]:
        """Those of these keys that there are."""
        ...

    def save(self, changed: Iterable[V]) -> None:
        """Store what the changes wrote: versions closed and versions made."""
        ...


class Books(Protocol):
    """The registry's tables within one transaction of one writer."""

    @property
    def grids(self) -> Repository[GridNode]: ...
    @property
    def centres(self) -> Repository[Centre]: ...
    @property
    def posts(self) -> Repository[Post]: ...

    def now(self) -> datetime:
        """The database's clock; every change of the transaction is recorded at it."""
        ...

    def announce(self, changed: Iterable[Versioned[Any]]) -> int:
        """Put a change event of each new version into the outbox; how many."""
        ...

    def announce_current(self, things: Iterable[Versioned[Any]]) -> int:
        """Put an event of each thing's newest version into the outbox, changed or not; how many."""
        ...

    def tree_changed(self) -> int:
        """Count the tree's version up, so that every locator reads it anew."""
        ...


class WithBooks(Protocol):
    """Does a piece of work on the books in one transaction of one writer at a time.

    Committed when the work returns, rolled back when it raises.
    The work may be run again after a clash, so it has no effect but on the books.
    """

    def __call__(self, work: Callable[[Books], T]) -> T: ...


class Surveyor(Protocol):
    """Plane geometry on boundaries. Shares are areas over areas, without unit."""

    def why_invalid(self, boundary: Boundary) -> str | None:
        """What is wrong with a boundary (crossing itself, no area), None when it is sound."""
        ...

    def union(self, boundaries: Sequence[Boundary]) -> Boundary:
        """The ground covered by all of them, in a normal form: the same parts give the same boundary."""
        ...

    def overlaps(self, boundaries: Mapping[str, Boundary]) -> list[tuple[str, str, float]]:
        """Pairs (smaller key first) that share ground, with their common area by the smaller's."""
        ...

    def share_outside(self, child: Boundary, parent: Boundary) -> float:
        """Area of the child outside the parent, by the child's whole area."""
        ...


class Reader(Protocol):
    """Queries over the versions: plain records in the shape of the contract, as things stood ``at``; None is now."""

    def grid(self, code: str, at: datetime | None) -> dict[str, Any] | None: ...
    def grids(self, codes: Sequence[str], at: datetime | None) -> list[dict[str, Any]]: ...
    def children(self, code: str, at: datetime | None) -> list[dict[str, Any]]: ...
    def history(self, code: str) -> list[dict[str, Any]]: ...
    def tree(self, prefix: str, longest_code: int) -> list[dict[str, Any]]: ...
    def centres(self, prefix: str) -> list[dict[str, Any]]: ...
    def posts(self, grid_code: str) -> list[dict[str, Any]]: ...


class Locator(Protocol):
    """Finds the micro-grid of a point; of several that meet in it, the one with the lowest code."""

    def chain(self, lat: float, lon: float) -> list[dict[str, Any]]:
        """County to micro-grid as records without boundaries, as the tree stood within the last second.

        Empty outside the county.
        """
        ...

    def locate_then(self, lat: float, lon: float, at: datetime) -> str | None:
        """Code of the micro-grid as the tree stood ``at``; None outside the county."""
        ...
