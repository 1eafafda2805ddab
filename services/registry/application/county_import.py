"""Takes the files of a county into the books: all of them or nothing, or with ``partial`` every sound record.

Taking the same files again changes nothing, makes no version and tells no event. ``county_files`` says what they hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from services.registry.application.county_files import CENTRES, FILES, GRIDS, POSTS, CountyFiles, read_county
from services.registry.application.derive import derive_boundaries
from services.registry.application.desk_check import grids_in_use, row_faults, staffing_faults
from services.registry.application.ports import Books, Surveyor, WithBooks
from services.registry.application.report import Fault, ImportReport, Tally, fault_of
from services.registry.application.rows import Row
from services.registry.application.tree_check import GridRow, TreeCheck, orphaned
from services.registry.domain.centre import Centre
from services.registry.domain.codes import CODE_LENGTH, Level
from services.registry.domain.errors import Refusal, broken
from services.registry.domain.grid import GridFacts, GridNode
from services.registry.domain.post import Post
from services.registry.domain.versions import Versioned

F = TypeVar("F")


def import_county(
    with_books: WithBooks,
    surveyor: Surveyor,
    files: Mapping[str, bytes],
    *,
    partial: bool = False,
    valid_from: datetime | None = None,
) -> ImportReport:
    """Import by file name → bytes; unknown names are left alone. ``valid_from``: since when the facts hold, else now.

    Never raises for what a file says: faults are in the report, and with any of them nothing is written, unless
    ``partial``.
    """
    return with_books(lambda books: _import(books, surveyor, files, partial=partial, valid_from=valid_from))


def _import(
    books: Books, surveyor: Surveyor, files: Mapping[str, bytes], *, partial: bool, valid_from: datetime | None
) -> ImportReport:
    read = read_county(files)
    report = ImportReport(partial, tallies={name: Tally(read.records.get(name, 0)) for name in FILES if name in files})
    county = _County(books.grids.all_current(), books.centres.all_current(), books.posts.all_current())
    report.faults = read.faults + _take_out_faulty(read, county, surveyor, partial=partial)
    report.faults.sort(key=lambda fault: (FILES.index(fault.file), fault.row))
    for name, tally in report.tallies.items():
        tally.refused = len({fault.row for fault in report.faults if fault.file == name and fault.row})
    if report.faults and not partial:
        return report
    try:
        changed = _apply(read, county, surveyor, _effective(books.now(), valid_from), report)
    except Refusal as refusal:
        # About the import as a whole, so that not even a partial one can go on; nothing was saved yet.
        report.faults.append(fault_of(refusal, GRIDS, 0, None))
        return report
    _write(books, changed, report)
    report.applied = True
    return report


def _effective(now: datetime, valid_from: datetime | None) -> datetime:
    # "Now" and "the newest version" are the same thing everywhere else; a version of tomorrow would break that.
    if valid_from is not None and valid_from > now:
        raise broken("valid_from_past", "valid_from", "a change holds from now or from an earlier time")
    return valid_from or now


@dataclass(slots=True)
class _County:
    grids: dict[str, GridNode]
    centres: dict[str, Centre]
    posts: dict[str, Post]


@dataclass(slots=True)
class _Changed:
    grids: list[GridNode] = field(default_factory=list)
    centres: list[Centre] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)


def _take_out_faulty(read: CountyFiles, county: _County, surveyor: Surveyor, *, partial: bool) -> list[Fault]:
    """Check everything; rows with faults leave ``read``, so that what stays can be applied as it is."""
    in_use = grids_in_use([*read.centres, *read.posts], [*county.centres.values(), *county.posts.values()])
    check = TreeCheck(county.grids, surveyor, in_use)
    faulty = check.faults(read.grids, frozenset(read.mentioned))
    faults = [fault for _, fault in faulty]
    while faulty and partial:
        # What leaned on a refused row falls with it, and the ground is looked at again without both.
        read.grids = _without(read.grids, [row for row, _ in faulty])
        live = check.live_boundaries({row.key: row for row in read.grids})
        faulty = list(orphaned(read.grids, frozenset(live))) or check.faults(read.grids, frozenset())
        faults += [fault for _, fault in faulty]
    grids = set(check.live_boundaries({row.key: row for row in read.grids}))
    if not partial:
        grids |= read.mentioned
    return faults + _take_out_faulty_desks(read, county, grids)


def _take_out_faulty_desks(read: CountyFiles, county: _County, grids: Collection[str]) -> list[Fault]:
    bad_centres = list(row_faults(read.centres, Centre, grids))
    read.centres = _without(read.centres, [row for row, _ in bad_centres])
    bad_posts = list(row_faults(read.posts, Post, grids))
    broken_rows = {row.facts.grid_code for row, _ in bad_posts}
    read.posts = _without(read.posts, [row for row, _ in bad_posts])
    short = [(row, fault) for row, fault in staffing_faults(read.posts, county.posts)]
    short_grids = {row.facts.grid_code for row, _ in short}
    read.posts = [row for row in read.posts if row.facts.grid_code not in short_grids]
    # Where a row of the grid is faulty already, that its staffing is short says nothing new.
    short = [(row, fault) for row, fault in short if row.facts.grid_code not in broken_rows]
    return [fault for _, fault in bad_centres] + [fault for _, fault in bad_posts + short]


def _without(rows: list[Row[F]], faulty: list[Row[F]]) -> list[Row[F]]:
    gone = {row.row for row in faulty}
    return [row for row in rows if row.row not in gone]


def _apply(read: CountyFiles, county: _County, surveyor: Surveyor, at: datetime, report: ImportReport) -> _Changed:
    changed = _Changed()
    tally = report.tallies
    _apply_grids(read.grids, county.grids, surveyor, at, tally.get(GRIDS, Tally()), changed.grids)
    for row in read.centres:
        _apply_row(row, county.centres.setdefault(row.key, Centre(row.key)), at, tally[CENTRES], changed.centres)
    for post_row in read.posts:
        _apply_row(post_row, county.posts.setdefault(post_row.key, Post(post_row.key)), at, tally[POSTS], changed.posts)
    return changed


def _apply_grids(
    rows: list[GridRow],
    nodes: dict[str, GridNode],
    surveyor: Surveyor,
    at: datetime,
    tally: Tally,
    changed: list[GridNode],
) -> None:
    retired = {row.key for row in rows if row.retired}
    before = {code: node.current.facts for code, node in nodes.items() if node.current and not node.current.retired}
    tree = {code: facts for code, facts in before.items() if code not in retired}
    touched = set(retired)
    for row in rows:
        if not row.retired and _ground_differs(row.facts, before.get(row.key)):
            touched.add(row.key)
        if not row.retired:
            tree[row.key] = _with_ground(row.facts, before.get(row.key))
    facts = derive_boundaries(tree, touched, surveyor)
    by_code = {row.key: row for row in rows}
    for code in sorted(set(facts) | retired):
        node = nodes.setdefault(code, GridNode(code))
        row_of = by_code.get(code) or Row(GRIDS, 0, code, facts[code], retired=False)
        told = tally if code in by_code else Tally()
        settled = replace(row_of, facts=facts.get(code, row_of.facts))
        _apply_row(settled, node, at, told, changed)


def _ground_differs(facts: GridFacts, before: GridFacts | None) -> bool:
    drawn = None if before is None or before.boundary_derived else before.boundary
    return before is None or facts.boundary != drawn


def _with_ground(facts: GridFacts, before: GridFacts | None) -> GridFacts:
    """A node without a line of its own keeps the derived one until it is derived anew."""
    if facts.boundary is None and before is not None and before.boundary_derived:
        return replace(facts, boundary=before.boundary, boundary_derived=True)
    return facts


def _apply_row(row: Row[F], thing: Versioned[F], at: datetime, tally: Tally, changed: list[Any]) -> None:
    is_new = thing.current is None
    version = thing.retire(at) if row.retired else thing.revise(row.facts, at)
    if version is None:
        tally.unchanged += 1
        return
    changed.append(thing)
    slot = "retired" if row.retired else "new" if is_new else "changed"
    setattr(tally, slot, getattr(tally, slot) + 1)


def _write(books: Books, changed: _Changed, report: ImportReport) -> None:
    # Wide before narrow: whoever follows the events never meets a child before its parent.
    order = list(CODE_LENGTH)
    changed.grids.sort(key=lambda node: (order.index(_level(node)), node.key))
    books.grids.save(changed.grids)
    books.centres.save(changed.centres)
    books.posts.save(changed.posts)
    report.events = books.announce([*changed.grids, *changed.centres, *changed.posts])
    if changed.grids:
        report.tree_version = books.tree_changed()


def _level(node: GridNode) -> Level:
    assert node.current is not None  # noqa: S101 - a changed node has a version
    return Level(node.current.facts.level)
