"""What a desk may do with an incident in the model: push to archive, cancel, reopen, correct."""

from __future__ import annotations

from tests.model.field_model import AT_WORK, OPEN, above, fall_back, finish, hold, mirrored, need
from tests.model.incident_model import TEAM_STAGES, Case, Mark, Refused, Told

# The incident's own stages as they follow each other within one cycle.
ORDER = ("received", "pushed", "reopened", "acknowledged", "resolved", "fed_back", "closed", "archived")
OF_ONE_CYCLE = ("acknowledged", "resolved", "fed_back", "closed", "cancelled")
CENTRE_OF = {"micro": "community", "community": "community", "town": "town", "county": "county", None: "county"}


def receive(case: Case, told: Told) -> None:
    """A new incident; its push clock and its clock in total run from now on."""
    case.backfill = told.now - told.at > case.policy.backfill_after
    hold(case, told)
    case.marks["received"] = Mark(told.at, told.now)
    case.level = "micro" if case.located else None
    case.told.append("received")
    case.start("push", "received", told.at, told.now)
    case.start("resolve", "received", told.at, told.now)


def push(case: Case, told: Told, centre: str | None = None) -> None:
    """Onto a desk; from `pushed` again, onto another centre's."""
    target = centre or case.centre or CENTRE_OF["micro" if case.located else None]
    if case.state == "pushed" and target != case.centre:
        hold(case, told)
    else:
        if case.state != "merged":
            _once(case, "pushed")
        need(case, {"received"})
        _stamp(case, "pushed", told)
        case.stand = "work"
        case.start("assign", "pushed", told.at, told.now)
    case.centre = case.home = case.level = target
    case.told.append("pushed")
    case.judge(told.now)
    run = case.current("assign")
    if case.joined and case.state == "pushed" and run is not None and run.ended is not None:
        fall_back(case, told)


def acknowledge(case: Case, told: Told) -> None:
    _once(case, "acknowledged")
    need(case, AT_WORK)
    _stamp(case, "acknowledged", told)
    case.told.append("acknowledged")


def escalate(case: Case, told: Told) -> None:
    need(case, OPEN)
    level = above(case.level)
    if level is None:
        raise Refused("top_reached")
    hold(case, told)
    case.level = level
    case.told.append("escalated")


def resolve(case: Case, told: Told) -> None:
    """Done: what was still asked for is not any more."""
    _once(case, "resolved")
    need(case, AT_WORK)
    _stamp(case, "resolved", told)
    case.stand = "resolved"
    case.told.append("resolved")
    case.judge(told.now)
    case.stop(told.at, "resolved")
    for going in case.teams:
        going.answer_due = None
    case.start("feedback", "resolved", told.at, told.now)
    case.judge(told.now)


def feed_back(case: Case, told: Told) -> None:
    _once(case, "fed_back")
    need(case, {"resolved"})
    _stamp(case, "fed_back", told)
    case.told.append("fed_back")
    case.judge(told.now)


def close(case: Case, told: Told) -> None:
    _once(case, "closed")
    need(case, {"resolved", "cancelled", "merged"})
    if case.state == "resolved" and "fed_back" not in case.marks:
        raise Refused("feedback_required")
    _stamp(case, "closed", told)
    root_was_pushed = case.link is not None and case.link.root.state == "pushed"
    withdrawn = _end_all(case, told, "closed")
    mirrored(case, told, *["withdrawn"] * withdrawn, root_was_pushed=root_was_pushed)


def archive(case: Case, told: Told) -> None:
    _once(case, "archived")
    need(case, {"closed"})
    _stamp(case, "archived", told)
    case.stand = "archived"
    case.told.append("archived")


def cancel(case: Case, told: Told) -> None:
    _once(case, "cancelled")
    need(case, OPEN)
    _stamp(case, "cancelled", told, last=True)
    _end_all(case, told, "cancelled")


def reopen(case: Case, told: Told) -> None:
    """Back to its desk, or to `received` when no desk ever had it, on clocks of a new generation."""
    need(case, {"resolved", "closed", "cancelled"})
    if case.link is not None:
        raise Refused("incident_merged")
    _stamp(case, "reopened", told, last=True)
    case.stop(told.at, "reopened")
    for stage in OF_ONE_CYCLE:
        case.marks.pop(stage, None)
    case.backfill = told.now - told.at > case.policy.backfill_after
    case.cycle += 1
    case.round += 1
    case.level = case.home or ("micro" if case.located else None)
    case.stand = "work" if "pushed" in case.marks else "received"
    case.told.append("reopened")
    case.start("assign" if case.stand == "work" else "push", "reopened", told.at, told.now)
    case.start("resolve", "reopened", told.at, told.now)
    case.judge(told.now)


def hand_over(case: Case, told: Told) -> None:
    if case.handed_over:
        raise Refused("already_handed_over")
    need(case, AT_WORK | {"resolved", "closed"})
    hold(case, told)
    case.handed_over = True
    case.told.append("handed_over")


def note(case: Case, told: Told) -> None:
    if case.state == "archived":
        raise Refused("impossible_transition")
    hold(case, told)
    case.told.append("note_added")


def read_contact(case: Case, told: Told) -> None:
    """Whoever reads how the caller is reached leaves a record of it, whatever has become of the incident."""
    if not case.contact:
        raise Refused("no_contact")
    case.told.append("contact_read")


def correct(case: Case, told: Told, stage: str, seq: int | None, at: int) -> None:
    """The newest word on a time counts; every clock is judged again, both ways."""
    if case.state == "archived":
        raise Refused("impossible_transition")
    going = case.teams[seq - 1] if seq else None
    if going is None and stage in TEAM_STAGES:
        raise Refused("assignment_required")
    mark = (going.marks if going else case.marks).get(stage)
    if mark is None or mark.implied:
        raise Refused("stage_not_stamped")
    previous, following = going.neighbours(stage) if going else _neighbours(case, stage)
    if stage == "assigned":
        previous = case.at("pushed")
    hold(case, Told(at, told.now), previous, following)
    mark.at = at
    case.told.append("corrected")
    for run in case.runs:
        if run.why == stage and run.cycle == case.cycle:
            run.stopped = at
    case.judge(told.now)
    if case.link is not None:
        mirrored(case, told)


def _once(case: Case, stage: str) -> None:
    mark = case.marks.get(stage)
    if mark is not None and not mark.implied:
        raise Refused(f"already_{stage}")


def _stamp(case: Case, stage: str, told: Told, *, last: bool = False) -> None:
    previous, following = _latest(case) if last else _neighbours(case, stage)
    hold(case, told, previous, following)
    case.marks[stage] = Mark(told.at, told.now)


def _latest(case: Case) -> tuple[int, None]:
    return max(mark.at for mark in case.marks.values()), None


def _neighbours(case: Case, stage: str) -> tuple[int | None, int | None]:
    """The latest stage before and the earliest told stage after, as they happen within a cycle."""
    if stage in {"reopened", "cancelled"}:
        return _latest(case)
    place = ORDER.index(stage)
    earlier, later = list(ORDER[:place]), list(ORDER[place + 1 :])
    reopened, pushed = case.marks.get("reopened"), case.marks.get("pushed")
    if stage == "pushed" and reopened and (pushed is None or pushed.recorded >= reopened.recorded):
        # Cancelled before any desk had it, then reopened: for once the push comes after.
        earlier.append("reopened")
        later.remove("reopened")
    before = [case.marks[name].at for name in earlier if name in case.marks]
    after = [case.marks[name].at for name in later if name in case.marks and not case.marks[name].implied]
    arrived, assigned = case.first("arrived", case.cycle), case.first("assigned", case.cycle)
    if stage == "resolved" and arrived is not None:
        before.append(arrived)
    if stage == "pushed" and assigned is not None:
        after.append(assigned)
    return max(before, default=None), min(after, default=None)


def _end_all(case: Case, told: Told, stand: str) -> int:
    """Teams are called back, clocks stop; how many teams there were."""
    going = [going for going in case.teams if going.is_open]
    for each in going:
        finish(each, "withdrawn", told)
        case.told.append("withdrawn")
    case.stand = stand
    case.told.append(stand)
    case.judge(told.now)
    case.stop(told.at, stand)
    case.judge(told.now)
    return len(going)
