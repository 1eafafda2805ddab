"""Many people call about one incident: duplicates stand under one root, and can be taken out again without loss.

A duplicate keeps its own timeline and its own assignments; their teams may go on telling their stages there. The root
learns how far those teams are (`Absorbed`), so that its state, its clocks and its figures count them, and forgets it at
un-merge.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from services.dispatch.domain.absorbed import Absorbed, MergeLink, Revival
from services.dispatch.domain.errors import Conflict, Invalid
from services.dispatch.domain.fieldwork import watch_arrival
from services.dispatch.domain.guards import refuse_future, refuse_unless
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.stamps import Report
from services.dispatch.domain.states import OPEN_INCIDENT, IncidentState

_OWN = frozenset({"incident_id", "state", "exercise", "backfill", "by"})
_TEAM_FACTS = frozenset({"accepted", "refused", "offer_expired", "withdrawn", "departed", "arrived", "cleared"})
_CAN_TAKE_IN = (*OPEN_INCIDENT, IncidentState.RESOLVED, IncidentState.CLOSED)


def merge(duplicate: Incident, parent: Incident, root: Incident, children: Sequence[Incident], report: Report) -> None:
    """Put `duplicate` under `parent`, and it and its own duplicates (`children`) under `root`, the root of `parent`.

    Raises Conflict `already_merged`, `impossible_transition`; Invalid `merge_into_itself`, `exercise_mismatch`.
    """
    if duplicate.id in {root.id, parent.id}:
        raise Invalid(
            "merge_into_itself",
            "an incident cannot stand under itself",
            field="data.into",
            incident_id=str(duplicate.id),
        )
    if duplicate.state is IncidentState.MERGED:
        raise Conflict(
            "already_merged",
            "the incident stands under another one already",
            incident_id=str(duplicate.id),
            into=str(duplicate.merged_into),
        )
    if duplicate.exercise is not root.exercise:
        raise Invalid(
            "exercise_mismatch", "a drill and a real incident are never one", field="data.into", rule="exercise.apart"
        )
    refuse_unless(duplicate, (*OPEN_INCIDENT, IncidentState.RESOLVED), "merge")
    refuse_unless(root, _CAN_TAKE_IN, "merge into")
    refuse_future(duplicate, report)
    before = duplicate.state
    duplicate.state = IncidentState.MERGED
    duplicate.merge = MergeLink(parent.id, root.id, report.occurred_at, before)
    duplicate.emit("merged", report, into=str(root.id))
    stopped = duplicate.stop_clocks(report.occurred_at, report, "merged")
    duplicate.merge = MergeLink(parent.id, root.id, report.occurred_at, before, stopped)
    _learn(duplicate, root)
    for child in children:
        _move(child, root, report)
        _learn(child, root)
    fell_back = root.derive()
    root.emit("merged", report, into=str(root.id))
    _recount(root, report, fell_back=fell_back)


def unmerge(
    duplicate: Incident, root: Incident, others: Sequence[Incident], report: Report, reason: str | None = None
) -> None:
    """Take `duplicate` out as it was, with those of `others` (all of the root's) that came in under it.

    Raises Conflict `not_merged`.
    """
    link = duplicate.merge
    if duplicate.state is not IncidentState.MERGED or link is None:
        raise Conflict(
            "not_merged",
            "the incident does not stand under another one",
            incident_id=str(duplicate.id),
            state=str(duplicate.state),
        )
    refuse_future(duplicate, report)
    own = _descendants(duplicate.id, others)
    left = [root.absorbed.pop(gone.id, None) for gone in (duplicate, *own)]
    duplicate.merge = None
    duplicate.state = link.state_before
    # What it knew of its own duplicates has waited for it, except of those that have left the root meanwhile.
    gone_before = [duplicate.absorbed.pop(id) for id in duplicate.absorbed.keys() - {child.id for child in own}]
    for child in own:
        _move(child, duplicate, report)
        _learn(child, duplicate)
    fell_back = duplicate.derive()
    duplicate.remark(report, "unmerged", reason)
    duplicate.emit("unmerged", report, out_of=str(root.id))
    duplicate.resume_clocks(link.stopped_clocks, report)
    _let_go(duplicate, gone_before, report)
    _recount(duplicate, report, fell_back=fell_back)
    root_fell_back = root.derive()
    root.emit("unmerged", report, out_of=str(root.id))
    _let_go(root, [known for known in left if known is not None], report)
    _recount(root, report, fell_back=root_fell_back)


def mirror(duplicate: Incident, root: Incident, report: Report, since: int) -> None:
    """Have the root know how far the duplicate's teams are now, and tell there what they told since version `since`."""
    _learn(duplicate, root)
    fell_back = root.derive()
    for event in duplicate.events:
        if event.version > since and event.type in _TEAM_FACTS:
            root.emit(event.type, report, **{key: event.data[key] for key in event.data if key not in _OWN})
    _recount(root, report, fell_back=fell_back)


def _learn(duplicate: Incident, root: Incident) -> None:
    known = root.absorbed.get(duplicate.id)
    if known is None:
        if not duplicate.assignments:
            return
        known = Absorbed(root.cycle, 0, None, None, IncidentState.PUSHED)
    reach = duplicate.roster.reach(duplicate.cycle)
    # What is heard of a team only when the root has been reopened since is no answer to what it asks for now.
    counts = reach is not IncidentState.PUSHED and known.cycle == root.cycle
    root.absorbed[duplicate.id] = Absorbed(
        known.cycle, known.round or (root.round if counts else 0), duplicate.roster.first("assigned"),
        duplicate.roster.first("arrived"), reach, known.revivals + _revived(duplicate, root, known),
        tuple(a.team_id for a in duplicate.roster.open()), tuple(sorted(duplicate.roster.gone(duplicate.cycle))),
        duplicate.roster.brings(duplicate.cycle),
    )  # fmt: skip


def _revived(duplicate: Incident, root: Incident, known: Absorbed) -> tuple[Revival, ...]:
    # The root asked for somebody when the offer expired; who answers after all is somebody. Not a team that is still
    # out on a cycle of the duplicate's that is over: nobody counts it there either.
    if known.cycle != root.cycle:
        return ()
    before = {revival.seq for revival in known.revivals}
    return tuple(
        Revival(a.seq, root.round, a.revived_at)
        for a in duplicate.roster.open()
        if a.revived_at is not None and a.cycle == duplicate.cycle and a.seq not in before
    )


def _recount(incident: Incident, report: Report, *, fell_back: bool) -> None:
    incident.judge_clocks(("assign",), report)
    watch_arrival(incident, report)
    if fell_back:
        incident.fall_back(report)


def _let_go(incident: Incident, left: Sequence[Absorbed], report: Report) -> None:
    if not left:
        return
    _keep_met(incident, {known.cycle for known in left if known.round})
    _forget_arrival(incident, report)


def _keep_met(root: Incident, left: Collection[int]) -> None:
    # What a cycle was that has ended since stays as it was told then.
    for clock in root.clockwork.of("arrive"):
        if clock.cycle != root.cycle and clock.cycle in left:
            clock.stop_reason = "unmerged"
    # Somebody was on the way when it was asked for: the clock stays met, and falling back starts the next one.
    for clock in root.clockwork.of("assign"):
        others = any(a.took_up(clock.round) for a in root.absorbed.values())
        if clock.met_at is not None and not others and root.roster.first_offer(clock.round) is None:
            clock.stop_reason = "unmerged"


def _forget_arrival(root: Incident, report: Report) -> None:
    # Nobody of the root's own was ever sent: its arrive clock ran for the duplicate's team alone.
    clock = root.clockwork.current("arrive")
    counting = any(a.round and a.cycle == root.cycle for a in root.absorbed.values())
    if (
        clock is None
        or clock.cycle != root.cycle
        or clock.stop_reason == "unmerged"
        or counting
        or root.roster.first("assigned", cycle=root.cycle) is not None
    ):
        return
    clock.met_at = None
    clock.stopped_at, clock.stop_reason = min(clock.due_at, report.occurred_at), "unmerged"
    clock.settle()
    clock.disarm(root.deadlines)
    if clock.breached:
        breach = clock.withdraw_breach(report.recorded_at, "unmerged")
        root.breaches[(clock.stage, clock.generation)] = breach
        root.tell_verdict("breach_withdrawn", clock, breach, report, "unmerged")


def _descendants(of: UUID, others: Sequence[Incident]) -> list[Incident]:
    found: dict[UUID, Incident] = {}
    grown = True
    while grown:
        more = [
            i
            for i in others
            if i.merge and i.id not in found and (i.merge.parent_id == of or i.merge.parent_id in found)
        ]
        found.update((incident.id, incident) for incident in more)
        grown = bool(more)
    return list(found.values())


def _move(child: Incident, root: Incident, report: Report) -> None:
    link = child.merge
    if link is None:
        return
    child.merge = MergeLink(link.parent_id, root.id, link.merged_at, link.state_before, link.stopped_clocks)
    child.emit("merged", report, into=str(root.id))
