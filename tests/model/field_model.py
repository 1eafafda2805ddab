"""What teams and the clock may do with an incident in the model: offer, answer, go, arrive, clear, expire, breach."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.model.clock_model import Run
from tests.model.incident_model import REACHED_BY, Case, Going, Joined, Mark, Refused, Told

AT_WORK = frozenset({"pushed", "assigned", "en_route", "on_scene"})
OPEN = AT_WORK | {"received"}
EVENT_OF = {"expired": "offer_expired"}
Chosen = list[tuple[str, frozenset[str]]]
"""Teams with what they can do."""
Recommend = Callable[[Case, int, tuple[str, ...]], Chosen]
LADDER = ("micro", "community", "town", "county")


def need(case: Case, allowed: Iterable[str]) -> None:
    """Refuses unless the incident is in one of these states."""
    if case.state not in allowed:
        raise Refused("incident_merged" if case.state == "merged" else "impossible_transition")


def hold(case: Case, told: Told, previous: int | None = None, following: int | None = None) -> None:
    """The stamp rules: never in the future, never out of order, unless all this is long past."""
    if told.at > told.now + case.policy.future_tolerance:
        raise Refused("stamp_in_future")
    if case.backfill or told.at == told.now:
        return  # told as it happens: out of order only by a clock that was set back
    if previous is not None and told.at < previous:
        raise Refused("stamp_before_previous")
    if following is not None and told.at > following:
        raise Refused("stamp_after_next")


def above(level: str | None) -> str | None:
    """The next level with somebody on shift; the county for a place nobody knows; None at the top."""
    if level is None:
        return LADDER[-1]
    place = LADDER.index(level) + 1
    return LADDER[place] if place < len(LADDER) else None


def assign(case: Case, team: str, skills: frozenset[str], told: Told, *, auto: bool = False) -> Going:
    """Offer the incident to a team."""
    need_for_a_team(case, told)
    _refuse_twice(case, team)
    if any(g.team == team and g.is_open for joined in case.joined.values() for g in joined.case.teams):
        raise Refused("team_already_assigned")
    reopened = case.at("reopened")
    hold(case, told, case.at("pushed") if reopened is None else reopened)
    mark = Mark(told.at, told.now)
    going = Going(team, len(case.teams) + 1, case.cycle, case.round, auto, {"assigned": mark}, skills)
    case.teams.append(going)
    case.marks.setdefault("acknowledged", Mark(told.at, told.now, implied=True))
    case.told.append("assigned")
    if case.policy.answer is not None and not case.backfill and case.stand == "work":
        going.answer_due = told.now + case.policy.answer
    watch_arrival(case, told)
    case.judge(told.now)
    return going


def need_for_a_team(case: Case, told: Told) -> None:
    """A team can be sent, whichever: at work, or resolved later than it went."""
    if case.state == "received":
        raise Refused("not_pushed")
    resolved = case.at("resolved")
    if not (case.state == "resolved" and resolved is not None and told.at <= resolved):
        need(case, AT_WORK)


def watch_arrival(case: Case, told: Told) -> None:
    """From the first assignment of a cycle on, somebody must arrive."""
    first = case.first_with_duplicates("assigned", case.cycle)
    run = case.current("arrive")
    if first is not None and (run is None or run.cycle != case.cycle or run.why == "unmerged"):
        case.start("arrive", "assigned", first, told.now)
    case.judge(told.now)
    if case.state not in OPEN:
        ended = "resolved" if "resolved" in case.marks else "cancelled"
        at = case.at(ended)
        case.stop(told.at if at is None else at, ended, "push", "assign", "arrive")
        case.judge(told.now)


def tell(case: Case, going: Going, stage: str, told: Told) -> None:
    """A team reports accepted, departed, arrived or cleared."""
    if case.state == "archived":
        raise Refused("impossible_transition")
    if going.reported(stage):
        raise Refused(f"already_{stage}")
    expired = going.state == "expired"
    if going.state in {"refused", "withdrawn"} or (expired and stage == "cleared"):
        raise Refused(f"assignment_{going.state}")
    if expired:
        need(case, AT_WORK | {"merged"})
        if going.cycle != case.cycle:
            raise Refused("assignment_expired")
        _refuse_twice(case, going.team)
    hold(case, told, *going.neighbours(stage))
    if expired:
        going.revived = (case.round, told.at)
    going.marks[stage] = Mark(told.at, told.now)
    if stage in {"departed", "arrived"}:
        going.marks.setdefault("accepted", Mark(told.at, told.now, implied=True))
    going.state = [state for name, state in REACHED_BY.items() if name in going.marks][-1]
    going.answer_due = None
    case.told.append(stage)
    mirrored(case, told, stage)


def end(case: Case, going: Going, ending: str, told: Told) -> None:
    """An offer is refused, expires, or is taken back; when nobody is going any more, a new round begins."""
    if case.state == "archived":
        raise Refused("impossible_transition")
    if ending in going.marks:
        raise Refused(f"already_{ending}")
    if not going.is_open:
        raise Refused(f"assignment_{going.state}")
    if ending == "refused" and going.state != "assigned":
        raise Refused("already_accepted")
    if ending != "expired":
        hold(case, told, going.at("assigned"))
    was_pushed = case.state == "pushed"
    root_was_pushed = case.link is not None and case.link.root.state == "pushed"
    finish(going, ending, told)
    case.told.append(EVENT_OF.get(ending, ending))
    if case.state == "pushed" and not was_pushed:
        fall_back(case, told)
    mirrored(case, told, EVENT_OF.get(ending, ending), root_was_pushed=root_was_pushed)


def finish(going: Going, ending: str, told: Told) -> None:
    going.marks[ending] = Mark(told.at, told.now)
    going.state, going.answer_due = ending, None


def fall_back(case: Case, told: Told) -> None:
    """Nobody is going: a new round, on a new assign clock, unless one still runs."""
    running = case.current("assign")
    if running is not None and running.ended is None and running.cycle == case.cycle:
        return
    case.round += 1
    case.start("assign", "fallback", told.at, told.now)


def join(duplicate: Case, root: Case) -> None:
    """The root knows of the duplicate's teams from when there are any; they count from when one is going."""
    counts = duplicate.own_reach() != "pushed"
    known = root.joined.get(duplicate.number)
    if known is None:
        if not duplicate.teams:
            return
        known = root.joined[duplicate.number] = Joined(duplicate, root.cycle, 0)
    if not known.round and counts and known.cycle == root.cycle:
        known.round = root.round
    if known.cycle == root.cycle:
        for going in duplicate.teams:
            if going.revived and going.is_open and going.cycle == duplicate.cycle:
                known.answered.setdefault(going.seq, (root.round, going.revived[1]))


def move_on(case: Case, gone: Going, now: int, recommend: Recommend) -> None:
    """The next teams at once for what is missing now, unless the desk had picked by hand and others are still going.

    What nobody does for a duplicate is asked for on its root, if nobody is going there, or only some of those needed.
    """
    here = case.link.root if case.link else case
    lacking = here.lacking()
    by_halves = lacking and lacking != here.policy.skills
    if here is not case and here.state != "pushed" and not (gone.auto and by_halves):
        return
    if here.stand != "work" or here.backfill or (not gone.auto and any(g.is_open for g in here.teams)):
        return
    for_the_same = tuple(skill for skill in here.policy.skills if skill in gone.skills)
    try:
        for team, skills in recommend(here, now, lacking or for_the_same):
            assign(here, team, skills, Told(now, now), auto=True)
    except Refused:
        return


def fire(case: Case, kind: str, generation: int, told: Told, recommend: Recommend) -> None:
    """An armed deadline comes due."""
    step, _, what = kind.partition(".")
    if step == "answer":
        going = case.teams[int(what) - 1]
        end(case, going, "expired", told)
        move_on(case, going, told.now, recommend)
        return
    run = next(run for run in case.runs if run.stage == what and run.generation == generation)
    if step == "warn":
        run.warned = told.now
        case.told.append("clock_warned")
        return
    if step == "breach":
        case.tell_breach(run, stands=True)
    _climb(case, run)


def _climb(case: Case, run: Run) -> None:
    level = above(case.level)
    if level is None:
        run.top = True
        return
    case.level = level
    run.climbed += 1
    run.top = level == LADDER[-1]
    case.told.append("escalated")


def mirrored(case: Case, told: Told, *facts: str, root_was_pushed: bool = True) -> None:
    """What a merged duplicate's team does is told on the root too, and counts there."""
    if case.link is not None:
        root = case.link.root
        join(case, root)
        root.told.extend(facts)
        root.judge(told.now)
        watch_arrival(root, told)
        if root.state == "pushed" and not root_was_pushed:
            fall_back(root, told)
    case.judge(told.now)


def _refuse_twice(case: Case, team: str) -> None:
    if any(g.team == team and g.is_open for g in case.teams):
        raise Refused("team_already_assigned")
