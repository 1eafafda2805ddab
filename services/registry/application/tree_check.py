"""Rules between the nodes of the tree, checked on the tree as it would be after the import."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from services.registry.application.ports import Surveyor
from services.registry.application.report import Fault, fault_of
from services.registry.application.rows import Row
from services.registry.domain.boundary import Boundary
from services.registry.domain.codes import CODE_LENGTH, chain_of
from services.registry.domain.errors import Refusal, broken
from services.registry.domain.grid import GridFacts, GridNode
from services.registry.domain.placement import outside_refusal, overlap_refusal

GridRow = Row[GridFacts]


class TreeCheck:
    """Checks rows against each other and against the nodes that are there. ``nodes``: newest versions by code."""

    def __init__(self, nodes: Mapping[str, GridNode], surveyor: Surveyor, in_use: frozenset[str]) -> None:
        self._nodes = nodes
        self._surveyor = surveyor
        self._in_use = in_use
        self._verdicts: dict[str, str | None] = {}

    def faults(self, rows: Iterable[GridRow], mentioned: frozenset[str]) -> list[tuple[GridRow, Fault]]:
        """Every broken rule with the row that breaks it.

        ``mentioned``: codes that count as present although their row is faulty.
        """
        by_code = {row.key: row for row in rows}
        found = list(self._alone(by_code, mentioned))
        # A row that is wrong by itself would only echo in its neighbours.
        found += self._between(by_code, frozenset(row.key for row, _ in found))
        return [(row, fault_of(refusal, row.file, row.row, row.key)) for row, refusal in found]

    def live_boundaries(self, by_code: Mapping[str, GridRow]) -> dict[str, Boundary | None]:
        """Every node that would be live, with the boundary somebody drew for it (None: derived or absent)."""
        live = {code: _drawn(node) for code, node in self._nodes.items() if _is_live(node)}
        for code, row in by_code.items():
            live[code] = row.facts.boundary
            if row.retired:
                del live[code]
        return live

    def _alone(self, by_code: Mapping[str, GridRow], mentioned: frozenset[str]) -> Iterator[tuple[GridRow, Refusal]]:
        live = self.live_boundaries(by_code)
        parents = {code[: -_step(code)] for code in live if _step(code)}
        for code, row in by_code.items():
            own = list(GridNode(code).refusals(row.facts))
            yield from ((row, refusal) for refusal in own)
            if row.retired:
                if code in parents or code in self._in_use:
                    yield row, broken("retire_in_use", "retired", f"{code} still has something below it or in it")
            elif not own:
                yield from ((row, refusal) for refusal in self._placed(row, live, mentioned))

    def _placed(
        self, row: GridRow, live: Mapping[str, Boundary | None], mentioned: frozenset[str]
    ) -> Iterator[Refusal]:
        parent = row.facts.parent_code
        if parent is not None and parent not in live and parent not in mentioned:
            yield broken("parent_known", "parent_code", f"there is no {parent}", parent=parent)
        boundary = row.facts.boundary
        if boundary is not None and self._changes(row):
            if row.key not in self._verdicts:
                self._verdicts[row.key] = self._surveyor.why_invalid(boundary)
            reason = self._verdicts[row.key]
            if reason is not None:
                yield broken("boundary_valid", "geometry", f"the boundary is not valid: {reason}", reason=reason)

    def _between(self, by_code: Mapping[str, GridRow], unsound: frozenset[str]) -> Iterator[tuple[GridRow, Refusal]]:
        live = self.live_boundaries(by_code)
        drawn = {code: boundary for code, boundary in live.items() if boundary is not None and code not in unsound}
        changed = {code for code, row in by_code.items() if code in drawn and self._changes(row)}
        if not changed:
            return
        for length in CODE_LENGTH.values():
            level = {code: boundary for code, boundary in drawn.items() if len(code) == length}
            if changed.intersection(level):
                yield from self._overlapping(level, changed, by_code)
        for code, boundary in drawn.items():
            yield from self._outside(code, boundary, drawn, changed, by_code)

    def _overlapping(
        self, level: Mapping[str, Boundary], changed: set[str], by_code: Mapping[str, GridRow]
    ) -> Iterator[tuple[GridRow, Refusal]]:
        for first, second, share in self._surveyor.overlaps(level):
            # The later of two new ones is refused, so that --partial keeps the other.
            guilty = max(
                (code for code in (first, second) if code in changed), key=lambda code: by_code[code].row, default=None
            )
            if guilty is not None:
                refusal = overlap_refusal(guilty, second if guilty == first else first, share)
                if refusal is not None:
                    yield by_code[guilty], refusal

    def _outside(
        self,
        code: str,
        boundary: Boundary,
        drawn: Mapping[str, Boundary],
        changed: set[str],
        by_code: Mapping[str, GridRow],
    ) -> Iterator[tuple[GridRow, Refusal]]:
        parent = next((above for above in reversed(chain_of(code)[:-1]) if above in drawn), None)
        if parent is None or not changed.intersection((code, parent)):
            return
        refusal = outside_refusal(code, parent, self._surveyor.share_outside(boundary, drawn[parent]))
        if refusal is not None:
            yield by_code[code if code in changed else parent], refusal

    def _changes(self, row: GridRow) -> bool:
        node = self._nodes.get(row.key)
        return node is None or not _is_live(node) or _drawn(node) != row.facts.boundary


def orphaned(rows: Iterable[GridRow], present: frozenset[str]) -> Iterator[tuple[GridRow, Fault]]:
    """Rows whose parent is no longer there because it was itself refused."""
    for row in rows:
        parent = row.facts.parent_code
        if parent is not None and parent not in present and not row.retired:
            refusal = broken("parent_refused", "parent_code", f"{parent} was not taken", parent=parent)
            yield row, fault_of(refusal, row.file, row.row, row.key)


def _is_live(node: GridNode) -> bool:
    return node.current is not None and not node.current.retired


def _drawn(node: GridNode) -> Boundary | None:
    current = node.current
    return None if current is None or current.facts.boundary_derived else current.facts.boundary


def _step(code: str) -> int:
    """Digits that a code adds to its parent's; 0 for a county's or for no code at all."""
    return {9: 3, 12: 3, 15: 3, 17: 2}.get(len(code), 0)
