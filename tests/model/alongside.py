"""The model and the product side by side: both are asked the same, and must say and show the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from chassis.hash_chain import verify
from services.dispatch.application.execute import execute
from services.dispatch.application.ports import Fired
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.skills import missing
from services.dispatch.domain.team import Team
from tests.model.county_model import Ask, County, Reply
from tests.model.incident_model import Case
from tests.model.memory import MS, Away, Killed, Memory
from tests.model.reading import uuid_of
from tests.model.speaking import CALLER, Client
from tests.model.team_model import PLACES, Crew
from tests.unit.dispatch.builders import T0
from tests.unit.dispatch.fakes import ACTOR, problem_of


class Violation(AssertionError):
    """The product did not do what the model says, or broke a promise. `kind` groups them in the report."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


class Alongside:
    """One small county, twice."""

    def __init__(self) -> None:
        self.memory, self.model = Memory(), County()
        self.client = Client(self.memory)
        self.commands: Counter[str] = Counter()
        self.facts: Counter[str] = Counter()
        self.numbers: dict[UUID, int] = {}
        self.told: dict[int, list[str]] = {}
        self.offered: list[tuple[int, int, str]] = []

    def ask(self, asks: Sequence[Ask], now: int, fault: str | None = None) -> bool:
        """Send one batch. False when it failed as a whole (`fault`) and must be sent again with the same keys."""
        batch = [self.client.command(ask) for ask in asks]
        self.memory.now, self.memory.fault = T0 + now * MS, fault
        if fault is not None:
            self.commands.update(f"{ask.name} struck" for ask in asks)
        try:
            answers = execute(batch, ACTOR, self.memory.transact, problem_of)
        except (Killed, Away):
            if fault == "answer_lost":
                # It is done, only nobody was told; asking again must give the model's first answer.
                for ask in asks:
                    self.model.answer(self.client.as_sent(ask), now)
            self.compare(now)
            return False
        self.memory.fault = None
        for ask, answer in zip(asks, answers, strict=True):
            reply = self.model.answer(self.client.as_sent(ask), now)
            self._hold_answer(ask, answer, reply)
        self.compare(now)
        return True

    def ask_with_a_twin(self, ask: Ask, now: int) -> None:
        """Two replicas get the same command at the same moment: the second finds the key taken at its commit."""
        keys = self.memory.answers
        before = frozenset(keys.rows)
        self.ask([ask], now)
        keys.unseen = frozenset(keys.rows) - before
        self.ask([ask], now)
        keys.unseen = frozenset()

    def due(self, now: int) -> list[Fired]:
        """What the clock would claim now, in due order."""
        moment = T0 + now * MS
        rows = [
            Fired(incident, kind, generation, due)
            for incident, armed in self.memory.deadlines.items()
            for (kind, generation), due in armed.items()
            if due <= moment
        ]
        return sorted(rows, key=lambda row: row.due_at)

    def next_due(self) -> int | None:
        """When the next deadline is due."""
        dues = [due for armed in self.memory.deadlines.values() for due in armed.values()]
        return (min(dues) - T0) // MS if dues else None

    def fire(self, rows: Sequence[Fired], now: int, fault: str | None = None, *, by_two: bool = False) -> bool:
        """Fire these rows (`by_two` replicas at once); False when the clock was killed in the middle: they are back."""
        self.memory.now, self.memory.fault = T0 + now * MS, fault
        try:
            if by_two:
                self.memory.fire_at_two(rows)
            else:
                self.memory.fire(rows)
        except (Killed, Away):
            if fault != "answer_lost":
                self.compare(now)
                return False
        self.memory.fault = None
        for row in rows:
            due = (row.due_at - T0) // MS
            self.model.fire(self.numbers[row.incident_id], row.kind, row.generation, due, now)
        self.compare(now)
        return True

    def compare(self, now: int) -> None:
        """Hold what both show of every incident against each other."""
        self._take_events()
        rows = self.memory.incidents.rows
        if len(rows) != len(self.model.cases):
            raise Violation("incidents", f"{len(rows)} stored, the model has {len(self.model.cases)}")
        for incident in rows.values():
            number = int(incident.reference_number)
            case = self.model.cases[number]
            told = self.told.get(number, [])
            seen = shown(incident, self.memory.deadlines.get(incident.id, {}), told, self._name)
            expected = expected_of(case)
            if seen != expected:
                raise Violation(*_difference(number, seen, expected, now))
            told.clear()
            case.told_before = len(case.told)
        if self.memory.fresh_teams:
            self.compare_teams(now, [self.memory.teams.rows[id] for id in self.memory.fresh_teams])
            self.memory.fresh_teams.clear()

    def compare_all(self, now: int) -> None:
        """What `compare` leaves out because nobody said that it had changed."""
        self.compare(now)
        self.compare_teams(now, self.memory.teams.rows.values())
        if len(self.memory.teams.rows) != len(self.model.teams):
            raise Violation("teams", f"the model has {sorted(self.model.teams)}")

    def compare_teams(self, now: int, teams: Iterable[Team]) -> None:
        """Hold what both show of these teams against each other."""
        for team in teams:
            seen = shown_team(team, self.memory.team_facts.get(team.call_sign, []))
            expected = expected_team(self.model.teams.get(team.call_sign))
            if seen != expected:
                raise Violation("team", f"{team.call_sign} at {now} ms:\n  shown {seen!r}\n  model {expected!r}")

    def _take_events(self) -> None:
        for incident_id, event in self.memory.fresh:
            number = self.numbers.get(incident_id)
            if number is None:
                incident = self.memory.incidents.get(incident_id)
                if incident is None:
                    raise Violation("ghost", f"event {event.type} of an incident that is not stored")
                number = self.numbers[incident_id] = int(incident.reference_number)
            self.told.setdefault(number, []).append(fact(event))
            self.facts[event.type] += 1
            if event.type == "assigned":
                self.offered.append((number, event.data["attempt"], self._name(uuid_of(event.data["team_id"]))))
        self.memory.fresh.clear()

    def _hold_answer(self, ask: Ask, answer: dict[str, Any], reply: Reply) -> None:
        self.commands[f"{ask.name} {'done' if answer['ok'] else 'refused'}"] += 1
        if len(reply.sent) > 1:
            self.commands[f"{ask.name} of several"] += 1
        if reply.sent and reply.missing:
            self.commands[f"{ask.name} of a part"] += 1
        seen = self._heard(answer)
        if seen != reply:
            raise Violation("answer", f"{ask} was answered {seen}, the model says {reply}")

    def _heard(self, answer: dict[str, Any]) -> Reply:
        if not answer["ok"]:
            return Reply(answer["problem"]["code"], replayed=answer["replayed"])
        result = answer["result"]
        if result.get("contact", CALLER) != CALLER:
            raise Violation("contact", f"somebody else's: {result['contact']}")
        if "team_id" in result:
            name = self._name(uuid_of(result["team_id"]))
            return Reply(None, version=result["version"], team=name, replayed=answer["replayed"])
        incident = self.memory.incidents.get(uuid_of(result["incident_id"]))
        number = int(incident.reference_number) if incident else None
        assignment = result.get("assignment_id")
        going = incident.roster.find(uuid_of(assignment)) if incident and assignment else None
        seq = going.seq if going else None
        sent = tuple(_sent(incident, each) for each in result.get("assignments", ()))
        return Reply(
            None, number, result["version"], result["state"], seq, answer["replayed"], sent=sent,
            missing=tuple(result.get("missing_skills", ())),
        )  # fmt: skip

    def _name(self, team_id: UUID) -> str:
        name: str = self.memory.teams.rows[team_id].call_sign
        return name

    def check_chains(self) -> None:
        """Versions go up by one and every link of the hash chain fits."""
        for incident_id, links in self.memory.timeline.items():
            broken = verify(links)
            if broken is not None:
                raise Violation("chain", f"incident {self.numbers[incident_id]}: {broken}")


def _sent(incident: Incident | None, told: dict[str, Any]) -> tuple[int, tuple[str, ...]]:
    """A team that a command has sent: its place, and what it is said to bring."""
    going = incident.roster.find(uuid_of(told["assignment_id"])) if incident else None
    if going is None or str(going.team_id) != told["team_id"]:
        raise Violation("ghost", f"sent, it is said, but not stored: {told}")
    return going.seq, tuple(told["skills"])


def fact(event: Any) -> str:
    """An event as the model names it."""
    if event.type in {"breached", "breach_withdrawn"}:
        return f"{event.type} {event.data['stage']} {event.data['generation']}"
    return event.type


def shown(
    incident: Incident, armed: dict[tuple[str, int], Any], told: list[str], name: Callable[[UUID], str]
) -> tuple[Any, ...]:
    """What anybody can see of an incident, times in the model's milliseconds."""
    return (
        incident.state.value,
        incident.version,
        sorted(told),
        [(name(a.team_id), a.state.value) for a in incident.assignments],
        [
            (c.stage, c.generation, c.state, (c.due_at - T0) // MS, None if c.breach is None else c.breached)
            for c in incident.clockwork.clocks
        ],
        {key: (due - T0) // MS for key, due in armed.items()},
        missing(incident),
    )


def expected_of(case: Case) -> tuple[Any, ...]:
    """The same of the model."""
    return (
        case.state,
        len(case.told),
        sorted(case.told[case.told_before :]),
        [(g.team, g.state) for g in case.teams],
        [(r.stage, r.generation, r.state, r.due, r.breach) for r in case.runs],
        case.armed(),
        case.missing(),
    )


def shown_team(team: Team, told: list[str]) -> tuple[Any, ...]:
    """What anybody can see of a team."""
    fix = team.position and (round(team.position.lat, 4), (team.position.at - T0) // MS)
    shifts = [((each.starts_at - T0) // MS, (each.ends_at - T0) // MS) for each in team.shifts]
    manned = not team.members or any(member.on_duty for member in team.members)
    return (team.version, ["created", *told], team.capacity, team.in_service, team.always_on, manned, shifts, fix)


def expected_team(crew: Crew | None) -> tuple[Any, ...] | None:
    """The same of the model."""
    if crew is None:
        return None
    fix = crew.fix and (PLACES[crew.fix[0]][0], crew.fix[1])
    return (crew.version, crew.told, crew.capacity, crew.in_service, crew.always_on, crew.manned, [*crew.shifts], fix)


_PARTS = ("state", "version", "events", "assignments", "clocks", "deadlines", "missing skills")


def _difference(number: int, seen: tuple[Any, ...], expected: tuple[Any, ...], now: int) -> tuple[str, str]:
    parts = [name for name, one, other in zip(_PARTS, seen, expected, strict=True) if one != other]
    lines = [
        f"\n  {name}: shown {one!r}\n  {' ' * len(name)}  model {other!r}"
        for name, one, other in zip(_PARTS, seen, expected, strict=True)
        if one != other
    ]
    return parts[0], f"incident {number} at {now} ms:{''.join(lines)}"
