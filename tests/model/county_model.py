"""The model's county: its incidents by number, its keys, and what each command does. Read `COMMANDS` first."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tests.model import desk_model, field_model, merge_model
from tests.model.clock_model import Policy
from tests.model.field_model import TEAMS, recommended
from tests.model.incident_model import Case, Going, Refused, Told

SECOND = 1000
_MEDICAL, _ANY = "medical", None
# As docs tell the built-in policies; the matter a policy is chosen by is (source, category).
POLICIES = {
    ("police", "medical"): Policy({"push": 60_000, "assign": 60_000, "arrive": 300_000}, 30_000, _MEDICAL),
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
    """What the model answers: a refusal's code, or the incident's version and state, and the assignment's place."""

    code: str | None
    number: int | None = None
    version: int | None = None
    state: str | None = None
    seq: int | None = None
    replayed: bool = False


@dataclass(slots=True, eq=False)
class County:
    """Everything the model knows."""

    cases: dict[int, Case] = field(default_factory=dict)
    answers: dict[str, tuple[Ask, Reply]] = field(default_factory=dict)

    def answer(self, ask: Ask, now: int) -> Reply:
        """Decide one command. The same key gives the same answer; for another command it is refused."""
        known = self.answers.get(ask.key)
        if known is not None:
            same = known[0] == ask
            return replace(known[1], replayed=True) if same else Reply("idempotency_key_reused")
        try:
            case, going = COMMANDS[ask.name](self, ask, Told(now if ask.at is None else ask.at, now))
            reply = Reply(None, case.number, len(case.told), case.state, going.seq if going else None)
        except Refused as refused:
            reply = Reply(refused.code)
        self.answers[ask.key] = (ask, reply)
        return reply

    def fire(self, number: int, kind: str, generation: int, due: int, now: int) -> bool:
        """A deadline comes due; False when nothing of the kind is armed, and then nothing happens."""
        case = self.cases[number]
        if case.armed().get((kind, generation)) != due:
            return False
        field_model.fire(case, kind, generation, Told(due, max(now, due)), self.cases.values())
        return True

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
        if ask.team not in TEAMS:
            raise Refused("unknown_team")
        for place in (case, case.link.root if case.link else None):
            own = [g for g in place.teams if g.team == ask.team] if place else []
            if place and own:
                return place, next((g for g in reversed(own) if g.is_open), own[-1])
        raise Refused("unknown_assignment")


def _create(county: County, ask: Ask, told: Told) -> tuple[Case, None]:
    if ask.number in county.cases:
        raise Refused("reference_taken")
    policy = POLICIES[ask.get("source"), ask.get("category")]
    case = Case(ask.number, policy, ask.get("exercise", False), backfill=False, located=ask.get("located", True))
    desk_model.receive(case, told)
    if ask.get("push"):
        desk_model.push(case, told)
    county.cases[ask.number] = case
    return case, None


def _at_desk(change: Any, *names: str) -> Any:
    def run(county: County, ask: Ask, told: Told) -> tuple[Case, None]:
        case = county.case(ask.number)
        change(case, told, *(ask.get(name) for name in names))
        return case, None

    return run


def _correct(county: County, ask: Ask, told: Told) -> tuple[Case, None]:
    case = county.case(ask.number)
    if ask.seq is not None and ask.seq > len(case.teams):
        raise Refused("unknown_assignment")
    desk_model.correct(case, told, ask.get("stage"), ask.seq, ask.get("to"))
    return case, None


def _assign(county: County, ask: Ask, told: Told) -> tuple[Case, Going]:
    case, team = county.case(ask.number), ask.team
    if team is None:
        if case.state == "received":
            raise Refused("not_pushed")
        team = recommended(case, county.cases.values())
        if team is None:
            raise Refused("no_team_available")
    return case, field_model.assign(case, team, told, auto=ask.team is None)


def _tell(stage: str) -> Any:
    def run(county: County, ask: Ask, told: Told) -> tuple[Case, Going]:
        case, going = county.going(ask)
        field_model.tell(case, going, stage, told)
        return case, going

    return run


def _end(ending: str) -> Any:
    def run(county: County, ask: Ask, told: Told) -> tuple[Case, Going]:
        case, going = county.going(ask)
        field_model.end(case, going, ending, told)
        if ending == "refused":
            field_model.move_on(case, going, told.now, county.cases.values())
        return case, going

    return run


def _merge(county: County, ask: Ask, told: Told) -> tuple[Case, None]:
    case = county.case(ask.number)
    merge_model.merge(case, county.case(ask.get("into")), told, county.cases.values())
    return case, None


def _unmerge(county: County, ask: Ask, told: Told) -> tuple[Case, None]:
    case = county.case(ask.number)
    merge_model.unmerge(case, told, county.cases.values())
    return case, None


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
