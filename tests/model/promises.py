"""What must hold of every incident at the end of a lifecycle, asked of the product alone: the model has no say here."""

from __future__ import annotations

from datetime import datetime

import orjson

from services.dispatch.domain.clocks import Clock
from services.dispatch.domain.incident import Incident
from tests.model.alongside import Alongside, Violation
from tests.model.memory import MS
from tests.unit.dispatch.builders import T0

ENDED = frozenset({"closed", "archived", "cancelled", "merged"})
OPEN_TEAM = frozenset({"assigned", "accepted", "en_route", "on_scene"})


def hold_promises(both: Alongside, now: int) -> None:
    """Raises Violation naming the first promise that is broken."""
    both.check_chains()
    for incident in both.memory.incidents.rows.values():
        _versions(incident, both)
        _breaches(incident, both)
        _teams(incident)
        _rest(incident, both)
        _somebody_is_asked(incident)
        _nobody_is_asked_in_vain(incident)
        _it_went_to_the_top(incident)
        for clock in incident.clockwork.clocks:
            _late(incident, clock, T0 + now * MS)


def _versions(incident: Incident, both: Alongside) -> None:
    links = both.memory.timeline[incident.id]
    if [seq for seq, _, _ in links] != list(range(1, incident.version + 1)):
        raise Violation("version", f"incident {incident.reference_number}: {len(links)} events, {incident.version}")


def _late(incident: Incident, clock: Clock, now: datetime) -> None:
    """Breached if and only if late: over, or not over and everything that was armed has been fired."""
    if clock.stop_reason == "unmerged":
        return
    ended = clock.met_at or clock.stopped_at
    if ended is None and clock.backfill and clock.due_at <= now:
        return  # nothing was armed: it is judged when the stage is told
    late = ended > clock.due_at if ended is not None else clock.due_at <= now
    if late is not (clock.breach is not None and clock.breach.withdrawn_at is None):
        raise Violation("breach", f"incident {incident.reference_number}: late is {late} at {now}, but {clock}")


def _breaches(incident: Incident, both: Alongside) -> None:
    """Each breach is told once per generation until it is withdrawn."""
    standing: set[str] = set()
    for _, body, _ in both.memory.timeline[incident.id]:
        if b'"breach' not in body:
            continue
        event = orjson.loads(body)
        kind, which = event["type"], f"{event['data'].get('stage')} {event['data'].get('generation')}"
        if (kind == "breached" and which in standing) or (kind == "breach_withdrawn" and which not in standing):
            raise Violation("breach twice", f"incident {incident.reference_number}: {kind} {which}")
        if kind == "breached":
            standing.add(which)
        elif kind == "breach_withdrawn":
            standing.discard(which)
    shown = {f"{c.stage} {c.generation}" for c in incident.clockwork.clocks if c.breach and c.breach.stands}
    if shown != standing:
        raise Violation("breach", f"incident {incident.reference_number}: told {standing}, stands {shown}")


def _teams(incident: Incident) -> None:
    going = [a.team_id for a in incident.assignments if a.state in OPEN_TEAM]
    if len(going) != len(set(going)):
        raise Violation("assignee", f"incident {incident.reference_number}: a team has two open assignments")


def _rest(incident: Incident, both: Alongside) -> None:
    """An ended incident has no running clock; what is armed belongs to a live clock or an awaited answer."""
    live = {(c.stage, c.generation) for c in incident.clockwork.clocks if not (c.met_at or c.stopped_at or c.backfill)}
    if len({stage for stage, _ in live}) < len(live):
        raise Violation("running", f"incident {incident.reference_number}: one stage runs twice: {live}")
    if incident.state in ENDED and live:
        raise Violation("running", f"incident {incident.reference_number} is {incident.state}, {live} run")
    for kind, generation in both.memory.deadlines.get(incident.id, {}):
        step, _, stage = kind.partition(".")
        if step == "answer":
            waiting = any(a.answer_kind == kind and a.state == "assigned" for a in incident.assignments)
        else:
            waiting = (stage, generation) in live
        if not waiting or incident.state in {"closed", "archived", "cancelled"}:
            raise Violation("armed", f"incident {incident.reference_number} {incident.state}: {kind} {generation}")


def _somebody_is_asked(incident: Incident) -> None:
    """An incident that waits for its next step has the clock of that step running: it cannot be forgotten."""
    asked = {"received": "push", "pushed": "assign", "assigned": "arrive", "en_route": "arrive"}.get(incident.state)
    if asked is None or asked not in incident.policy.targets:
        return
    clock = incident.clockwork.current(asked)
    # Another team may have been there and gone: the first arrival is what the arrive clock asks for.
    if clock is not None and clock.cycle == incident.cycle:
        over = asked != "arrive" if clock.met_at else clock.stopped_at is not None
    else:
        over = True
    if over:
        raise Violation("forgotten", f"incident {incident.reference_number} is {incident.state}, but {asked}: {clock}")


def _nobody_is_asked_in_vain(incident: Incident) -> None:
    """Who is going, or is there, is not asked for: no clock runs towards a breach that is none."""
    there = {"assigned": ("assign",), "en_route": ("assign",), "on_scene": ("assign", "arrive")}
    for stage in there.get(incident.state, ()):
        clock = incident.clockwork.current(stage)
        if clock is not None and clock.cycle == incident.cycle and not (clock.met_at or clock.stopped_at):
            raise Violation("in vain", f"incident {incident.reference_number} is {incident.state}, but {clock}")


def _it_went_to_the_top(incident: Incident) -> None:
    """What nobody did, and everything that was armed has fired: it breached, and the county knows."""
    for clock in incident.clockwork.clocks:
        silent = clock.backfill or clock.met_at or clock.stopped_at
        if not silent and not (clock.breached and clock.top_reached):
            raise Violation("top", f"incident {incident.reference_number}: {clock}")
