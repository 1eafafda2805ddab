"""Merging in the model: a duplicate stands under a root, which counts its teams, and can be taken out as it was."""

from __future__ import annotations

from collections.abc import Iterable

from tests.model.field_model import OPEN, fall_back, hold, join, need, watch_arrival
from tests.model.incident_model import Case, Joined, Link, Refused, Told


def merge(case: Case, parent: Case, told: Told, cases: Iterable[Case]) -> None:
    """Put `case`, with its own duplicates, under the root of `parent`."""
    root = parent.link.root if parent.link else parent
    if case in (root, parent):
        raise Refused("merge_into_itself")
    if case.state == "merged":
        raise Refused("already_merged")
    if case.exercise != root.exercise:
        raise Refused("exercise_mismatch")
    need(case, OPEN | {"resolved"})
    need(root, OPEN | {"resolved", "closed"})
    hold(case, told)
    link = Link(parent, root, case.stand, case.state, [])
    case.stand, case.link = "merged", link
    case.told.append("merged")
    case.judge(told.now)
    link.stopped = case.stop(told.at, "merged")
    case.judge(told.now)
    for joined in case.joined.values():
        joined.known = {stage: joined.case.first(stage) for stage in ("assigned", "arrived")}
    join(case, root)
    for child in under(case, cases):
        _move(child, root)
    root.told.append("merged")
    _recount(root, told, was_pushed=True)


def unmerge(case: Case, told: Told, cases: Iterable[Case]) -> None:
    """Take `case` out of its root as it was, with those that came in under it; its clocks run on."""
    link = case.link
    if link is None or case.state != "merged":
        raise Refused("not_merged")
    hold(case, told)
    root = link.root
    own = _came_with(case, under(root, cases))
    root_was_pushed = root.state == "pushed"
    left = [joined for gone in (case, *own) if (joined := root.joined.pop(gone.number, None))]
    case.link, case.stand = None, link.stand
    here = {child.number for child in own}
    gone_before = [case.joined.pop(number) for number in case.joined.keys() - here]
    for joined in case.joined.values():
        joined.known = None
    for child in own:
        _move(child, case)
    case.told.append("unmerged")
    for run in link.stopped:
        if run.met is None:
            run.stopped = run.why = None
            run.armed_at = told.now
    _let_go(case, gone_before, told)
    _recount(case, told, was_pushed=link.state == "pushed")
    root.told.append("unmerged")
    _let_go(root, left, told)
    _recount(root, told, was_pushed=root_was_pushed)


def under(root: Case, cases: Iterable[Case]) -> list[Case]:
    return [case for case in cases if case.link and case.link.root is root]


def _move(child: Case, root: Case) -> None:
    if child.link is not None:
        child.link.root = root
    child.told.append("merged")
    join(child, root)


def _recount(case: Case, told: Told, *, was_pushed: bool) -> None:
    case.judge(told.now)
    watch_arrival(case, told)
    case.judge(told.now)
    if case.state == "pushed" and not was_pushed and case.stand == "work":
        fall_back(case, told)


def _let_go(case: Case, left: list[Joined], told: Told) -> None:
    """Who is out of it counts no more; what they had met stays met."""
    if left:
        _keep_met(case, [joined.cycle for joined in left if joined.round])
        _forget_arrival(case, told)


def _keep_met(root: Case, left: list[int]) -> None:
    """Somebody was on the way when it was asked for: the run stays met; what an ended cycle was stays as it was."""
    for run in root.runs:
        if run.stage == "arrive" and run.cycle != root.cycle and run.cycle in left:
            run.why = "unmerged"
        offers = [g for g in root.teams if g.round == run.round or (g.revived and g.revived[0] == run.round)]
        others = any(joined.met(run.round) is not None for joined in root.joined.values())
        if run.stage == "assign" and run.met is not None and not offers and not others:
            run.why = "unmerged"


def _forget_arrival(root: Case, told: Told) -> None:
    """Nobody of the root's own was ever sent: its arrive clock ran for the duplicate's team alone."""
    run = root.current("arrive")
    if run is None or run.cycle != root.cycle or root.first_with_duplicates("assigned", root.cycle) is not None:
        return
    run.met, run.stopped, run.why = None, min(run.due, told.at), "unmerged"
    if run.breach:
        root.tell_breach(run, stands=False)


def _came_with(case: Case, others: list[Case]) -> list[Case]:
    found: list[Case] = []
    parents = {case.number}
    grown = True
    while grown:
        more = [o for o in others if o.link and o not in found and o.link.parent.number in parents]
        found += more
        parents |= {o.number for o in more}
        grown = bool(more)
    return found
