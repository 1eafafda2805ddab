"""The model's county: its incidents by number, its keys, and what each command does. Read `COMMANDS` first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.model import desk_model, field_model, merge_model, team_model
from tests.model.clock_model import Policy
from tests.model.incident_model import Case, Going, Refused, Told
from tests.model.team_model import Crew

SECOND = 1000
_MEDICAL, _BOTH, _ANY = ("medical",), ("patrol", "medical"), ()
# As docs tell the built-in policies; the matter a policy is chosen by is (source, category).
POLICIES = {
    ("police", "medical"): Policy({"push": 60_000, "assign": 60_000, "arrive": 300_000}, 30_000, _MEDICAL),
    ("police", "traffic_collision_injury"): Policy(
        {"push": 60_000, "assign": 60_000, "arrive": 300_000}, 30_000, _BOTH
    ),
    ("resident", "drill"): Policy(
        {"push": 600_000, "assign": 3_600_000, "arrive": 14_400_000, "resolve": 86_400_000}, 900_000, _ANY
    ),
    ("resident", "citizen_assist"): Policy(
        {"push": 3_600_000, "assign": 86_400_000, "resolve": 432_000_000, "feedback": 172_800_000}, 14_400_000, _ANY
    ),
    ("grid_worker", "whistle"): Policy(
        {"push": 120_000, "assign": 300_000, "arrive": 1_800_000, "resolve": 14_400_000}, 120_000, _ANY
    ),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One command as an actor sends it. `number` names the incident, `seq` or `team` the assignment; `at` None is now.

    A command about a team has the number 0.

    `more` holds what else the command says, as (name, value) pairs, so that two equal asks are the same command.
    """

    name: str
    key: str
    number: int
    at: int | None = None
    seq: int | None = None
    team: str | None = None
    more: tuple[tuple[str, Any], ...] = ()

    def get(self, name: str, default: Any = None) -> Any:
        return dict(self.more).get(name, default)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model answers: a refusal's code, or the incident's version and state, and the assignment's place.

    Of `incident.assign` also everybody it `sent`, by place, with the skills that they bring, and what is `missing`.
    Of a command about a team: its name and version.
    """

    code: str | None
    number: int | None = None
    version: int | None = None
    state: str | None = None
    seq: int | None = None
    replayed: bool = False
    team: str | None = None
    sent: tuple[tuple[int, tuple[str, ...]], ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class County:
    """Everything the model knows."""

    cases: dict[int, Case] = field(default_factory=dict)
    teams: dict[str, Crew] = field(default_factory=team_model.at_start)
    answers: dict[str, tuple[Ask, Reply]] = field(default_factory=dict)

    def answer(self, ask: Ask, now: int) -> Reply:
        """Decide one command. The same key gives the same answer; for another command it is refused."""
        known = self.answers.get(ask.key)
        if known is not None:
            same = known[0] == ask
            return replace(known[1], replayed=True) if same else Reply("idempotency_key_reused")
        told = Told(now if ask.at is None else ask.at, now)
        try:
            if ask.name in TEAM_COMMANDS:
                TEAM_COMMANDS[ask.name](self, ask, told)
                reply = Reply(None, version=self.teams[str(ask.team)].version, team=ask.team)
            else:
                case, *going = COMMANDS[ask.name](self, ask, told)
                reply = Reply(None, case.number, len(case.told), case.state, going[0].seq if going else None)
                if ask.name == "incident.assign":
                    reply = replace(reply, sent=_sent(case, going), missing=case.missing())
        except Refused as refused:
            reply = Reply(refused.code)
        if ask.name not in NEVER_KEPT:
            self.answers[ask.key] = (ask, reply)
        return reply

    def fire(self, number: int, kind: str, generation: int, due: int, now: int) -> bool:
        """A deadline comes due; False when nothing of the kind is armed, and then nothing happens."""
        case = self.cases[number]
        if case.armed().get((kind, generation)) != due:
            return False
        field_model.fire(case, kind, generation, Told(due, max(now, due)), self.recommended)
        return True

    def recommended(self, case: Case, now: int, asked: tuple[str, ...] = ()) -> field_model.Chosen:
        """The teams that should go together."""
        names = team_model.chosen(case, self.cases.values(), self.teams, now, asked)
        return [(name, self.teams[name].skills) for name in names]

    def crew(self, name: str | None) -> Crew:
        if name not in self.teams:
            raise Refused("unknown_team")
        return self.teams[str(name)]

    def case(self, number: int) -> Case:
        if number not in self.cases:
            raise Refused("unknown_incident")
        return self.cases[number]

    def going(self, ask: Ask) -> tuple[Case, Going]:
        """The assignment by its place, or the team's newest open one (else its newest), also on the root."""
        if ask.seq is not None:
            case = self.cases.get(ask.number)
            if case is None or ask.seq > len(case.teams):
                raise Refused("unknown_assignment")
            return case, case.teams[ask.seq - 1]
        case = self.case(ask.number)
        self.crew(ask.team)
        for place in (case, case.link.root if case.link else None):
            own = [g for g in place.teams if g.team == ask.team] if place else []
            if place and own:
                return place, next((g for g in reversed(own) if g.is_open), own[-1])
        raise Refused("unknown_assignment")


def _sent(case: Case, going: Iterable[Going]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    return tuple((g.seq, tuple(skill for skill in case.policy.skills if skill in g.skills)) for g in going)


def _create(county: County, ask: Ask, told: Told) -> tuple[Case]:
    if ask.number in county.cases:
        raise Refused("reference_taken")
    policy = POLICIES[ask.get("source"), ask.get("category")]
    case = Case(ask.number, policy, ask.get("exercise", False), backfill=False, located=ask.get("located", True),
                contact=ask.get("contact", False))  # fmt: skip
    desk_model.receive(case, told)
    if ask.get("push"):
        desk_model.push(case, told)
    county.cases[ask.number] = case
    return (case,)


def _at_desk(change: Any, *names: str) -> Any:
    def run(county: County, ask: Ask, told: Told) -> tuple[Case]:
        case = county.case(ask.number)
        change(case, told, *(ask.get(name) for name in names))
        return (case,)

    return run


def _correct(county: County, ask: Ask, told: Told) -> tuple[Case]:
    case = county.case(ask.number)
    if ask.seq is not None and ask.seq > len(case.teams):
        raise Refused("unknown_assignment")
    desk_model.correct(case, told, ask.get("stage"), ask.seq, ask.get("to"))
    return (case,)


def _assign(county: County, ask: Ask, told: Told) -> tuple[Case | Going, ...]:
    case = county.case(ask.number)
    if ask.team is None:
        field_model.need_for_a_team(case, told)
        chosen = county.recommended(case, told.now)
        if not chosen:
            raise Refused("no_team_available")
        return case, *[field_model.assign(case, team, skills, told, auto=True) for team, skills in chosen]
    crew = county.crew(ask.team)
    if not crew.in_service and not case.backfill:
        raise Refused("team_out_of_service")
    return case, field_model.assign(case, ask.team, crew.skills, told)


def _tell(stage: str) -> Any:
    def run(county: County, ask: Ask, told: Told) -> tuple[Case, Going]:
        case, going = county.going(ask)
        field_model.tell(case, going, stage, told)
        if ask.get("place") and not case.backfill:
            county.teams[going.team].move(ask.get("place"), told)
        return case, going

    return run


def _end(ending: str) -> Any:
    def run(county: County, ask: Ask, told: Told) -> tuple[Case, Going]:
        case, going = county.going(ask)
        field_model.end(case, going, ending, told)
        if ending == "refused":
            field_model.move_on(case, going, told.now, county.recommended)
        return case, going

    return run


def _merge(county: County, ask: Ask, told: Told) -> tuple[Case]:
    case = county.case(ask.number)
    merge_model.merge(case, county.case(ask.get("into")), told, county.cases.values())
    return (case,)


def _unmerge(county: County, ask: Ask, told: Told) -> tuple[Case]:
    case = county.case(ask.number)
    merge_model.unmerge(case, told, county.cases.values())
    return (case,)


def _change_team(county: County, ask: Ask, told: Told) -> None:
    team_model.change(county.crew(ask.team), ask.get("what"), ask.get("value"))


# Its answer holds what must not be kept: it is read anew each time, on the record.
NEVER_KEPT = frozenset({"incident.read_contact"})
TEAM_COMMANDS: dict[str, Any] = {
    "team.create": lambda county, ask, told: team_model.create(county.teams, ask.team, ask.get("capacity", 1)),
    "team.change": _change_team,
    "team.move": lambda county, ask, told: team_model.move(county.crew(ask.team), ask.get("place"), told),
    "team.shifts": lambda county, ask, told: team_model.set_shifts(county.crew(ask.team), ask.get("shifts")),
}
COMMANDS: dict[str, Any] = {
    "incident.create": _create,
    "incident.push": _at_desk(desk_model.push, "centre"),
    "incident.acknowledge": _at_desk(desk_model.acknowledge),
    "incident.assign": _assign,
    "incident.escalate": _at_desk(desk_model.escalate),
    "incident.resolve": _at_desk(desk_model.resolve),
    "incident.feedback": _at_desk(desk_model.feed_back),
    "incident.close": _at_desk(desk_model.close),
    "incident.archive": _at_desk(desk_model.archive),
    "incident.cancel": _at_desk(desk_model.cancel),
    "incident.reopen": _at_desk(desk_model.reopen),
    "incident.hand_over": _at_desk(desk_model.hand_over),
    "incident.note": _at_desk(desk_model.note),
    "incident.read_contact": _at_desk(desk_model.read_contact),
    "incident.correct": _correct,
    "incident.merge": _merge,
    "incident.unmerge": _unmerge,
    "assignment.accept": _tell("accepted"),
    "assignment.depart": _tell("departed"),
    "assignment.arrive": _tell("arrived"),
    "assignment.clear": _tell("cleared"),
    "assignment.refuse": _end("refused"),
    "assignment.withdraw": _end("withdrawn"),
}
