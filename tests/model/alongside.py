"""The model and the product side by side: both are asked the same, and must say and show the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from chassis.hash_chain import verify
from services.dispatch.application.execute import execute
from services.dispatch.application.ports import Fired
from services.dispatch.domain.incident import Incident
from tests.model.county_model import Ask, County, Reply
from tests.model.incident_model import Case
from tests.model.memory import MS, Away, Killed, Memory
from tests.unit.dispatch.builders import T0
from tests.unit.dispatch.fakes import ACTOR, problem_of

CENTRES = {"community": "C-999999001001", "town": "C-999999001", "county": "C-999999"}
NOBODYS = UUID(int=99)  # an assignment that nobody ever had
_NOBODY = str(NOBODYS)
_DATA = {
    "incident.resolve": {"outcome": "settled"}, "incident.feedback": {"disposition": "18"},
    "incident.cancel": {"reason": "不需要"}, "incident.reopen": {"reason": "又来电"},
    "incident.escalate": {"reason": "请求支援"}, "incident.hand_over": {"to": "mediation", "reason": "纠纷"},
    "incident.note": {"note": "备注"}, "assignment.refuse": {"reason": "车辆故障"},
}  # fmt: skip


class Violation(AssertionError):
    """The product did not do what the model says, or broke a promise. `kind` groups them in the report."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


class Alongside:
    """One small county, twice."""

    def __init__(self) -> None:
        self.memory, self.model = Memory(), County()
        self.sent: dict[str, dict[str, Any]] = {}
        self.numbers: dict[UUID, int] = {}
        self.told: dict[int, list[str]] = {}
        self.offered: list[tuple[int, int, str]] = []

    def ask(self, asks: Sequence[Ask], now: int, fault: str | None = None) -> bool:
        """Send one batch. False when it failed as a whole (`fault`) and must be sent again with the same keys."""
        batch = [self._command(ask) for ask in asks]
        self.memory.now, self.memory.fault = T0 + now * MS, fault
        try:
            answers = execute(batch, ACTOR, self.memory.transact, problem_of)
        except (Killed, Away):
            if fault == "answer_lost":
                # It is done, only nobody was told; asking again must give the model's first answer.
                for ask in asks:
                    self.model.answer(self._as_sent(ask), now)
            self.compare(now)
            return False
        self.memory.fault = None
        for ask, answer in zip(asks, answers, strict=True):
            reply = self.model.answer(self._as_sent(ask), now)
            self._hold_answer(ask, answer, reply)
        self.compare(now)
        return True

    def ask_with_a_twin(self, ask: Ask, now: int) -> None:
        """Two replicas get the same command at the same moment: the second finds the key taken at its commit."""
        self.ask([ask], now)
        self.memory.answers.blind = True
        self.ask([ask], now)
        self.memory.answers.blind = False

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

    def fire(self, rows: Sequence[Fired], now: int, fault: str | None = None) -> bool:
        """Fire these rows; False when the clock was killed in the middle, and the rows are back."""
        self.memory.now, self.memory.fault = T0 + now * MS, fault
        try:
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
            seen = shown(incident, self.memory.deadlines.get(incident.id, {}), told)
            expected = expected_of(case)
            if seen != expected:
                raise Violation(*_difference(number, seen, expected, now))
            told.clear()
            case.told_before = len(case.told)

    def _take_events(self) -> None:
        for incident_id, event in self.memory.fresh:
            number = self.numbers.get(incident_id)
            if number is None:
                incident = self.memory.incidents.get(incident_id)
                if incident is None:
                    raise Violation("ghost", f"event {event.type} of an incident that is not stored")
                number = self.numbers[incident_id] = int(incident.reference_number)
            self.told.setdefault(number, []).append(fact(event))
            if event.type == "assigned":
                self.offered.append((number, event.data["attempt"], f"T{UUID(event.data['team_id']).int}"))
        self.memory.fresh.clear()

    def _hold_answer(self, ask: Ask, answer: dict[str, Any], reply: Reply) -> None:
        if not answer["ok"]:
            seen = Reply(answer["problem"]["code"], replayed=answer["replayed"])
        else:
            result = answer["result"]
            incident = self.memory.incidents.get(UUID(result["incident_id"]))
            number = int(incident.reference_number) if incident else None
            assignment = result.get("assignment_id")
            going = incident.roster.find(UUID(assignment)) if incident and assignment else None
            seen = Reply(None, number, result["version"], result["state"], going.seq if going else None,
                         answer["replayed"])  # fmt: skip
        if seen != reply:
            raise Violation("answer", f"{ask} was answered {seen}, the model says {reply}")

    def _command(self, ask: Ask) -> dict[str, Any]:
        """The command as the client sends it; sent again, it is the same, byte for byte."""
        known = self.sent.get(ask.key)
        if known is not None and known["ask"] == ask:
            return known["command"]
        command: dict[str, Any] = {"command": ask.name, "key": ask.key, "data": dict(_DATA.get(ask.name, {}))}
        if ask.at is not None:
            command["occurred_at"] = wire(ask.at)
        if ask.name.startswith("assignment.") and ask.seq is not None:
            command["assignment"] = self._assignment_id(ask)
        elif ask.name != "incident.create":
            command["incident"] = f"sim:{ask.number}"
            if ask.name.startswith("assignment."):
                command["team"] = ask.team
        self._fill(command["data"], ask)
        named = command.get("assignment") or command["data"].get("assignment")
        self.sent.setdefault(ask.key, {"ask": ask, "command": command, "guessed": named == _NOBODY})
        return command

    def _as_sent(self, ask: Ask) -> Ask:
        """An assignment that was not there when its command was first sent is none of those that came later."""
        known = self.sent[ask.key]
        return replace(ask, seq=NOBODYS.int) if known["guessed"] and known["ask"] == ask else ask

    def _fill(self, data: dict[str, Any], ask: Ask) -> None:
        if ask.name == "incident.create":
            data |= {"reference": {"system": "sim", "number": str(ask.number)}, "source": ask.get("source"),
                     "category": ask.get("category"), "exercise": ask.get("exercise", False),
                     "push": ask.get("push", False)}  # fmt: skip
            if ask.get("located", True):
                data["location"] = {"lat": 30.0, "lon": 120.0}
        elif ask.name == "incident.assign":
            data |= {"auto": True} if ask.team is None else {"team": ask.team}
        elif ask.name == "incident.push" and ask.get("centre"):
            data["centre_code"] = CENTRES[ask.get("centre")]
        elif ask.name == "incident.merge":
            data["into"] = f"sim:{ask.get('into')}"
        elif ask.name == "incident.correct":
            data |= {"stage": ask.get("stage"), "occurred_at": wire(ask.get("to")), "why": "时钟偏差"}
            if ask.seq is not None:
                data["assignment"] = self._assignment_id(ask)

    def _assignment_id(self, ask: Ask) -> str:
        incident = self.memory.incidents.by_reference("sim", str(ask.number))
        if incident is not None and ask.seq is not None and ask.seq <= len(incident.assignments):
            return str(incident.assignments[ask.seq - 1].id)
        return _NOBODY

    def check_chains(self) -> None:
        """Versions go up by one and every link of the hash chain fits."""
        for incident_id, links in self.memory.timeline.items():
            broken = verify(links)
            if broken is not None:
                raise Violation("chain", f"incident {self.numbers[incident_id]}: {broken}")


def wire(at: int) -> str:
    return (T0 + timedelta(milliseconds=at)).isoformat().replace("+00:00", "Z")


def fact(event: Any) -> str:
    """An event as the model names it."""
    if event.type in {"breached", "breach_withdrawn"}:
        return f"{event.type} {event.data['stage']} {event.data['generation']}"
    return event.type


def shown(incident: Incident, armed: dict[tuple[str, int], Any], told: list[str]) -> tuple[Any, ...]:
    """What anybody can see of an incident, times in the model's milliseconds."""
    return (
        incident.state.value,
        incident.version,
        sorted(told),
        [(f"T{a.team_id.int}", a.state.value) for a in incident.assignments],
        [
            (c.stage, c.generation, c.state, (c.due_at - T0) // MS, None if c.breach is None else c.breached)
            for c in incident.clockwork.clocks
        ],
        {key: (due - T0) // MS for key, due in armed.items()},
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
    )


_PARTS = ("state", "version", "events", "assignments", "clocks", "deadlines")


def _difference(number: int, seen: tuple[Any, ...], expected: tuple[Any, ...], now: int) -> tuple[str, str]:
    parts = [name for name, one, other in zip(_PARTS, seen, expected, strict=True) if one != other]
    lines = [
        f"\n  {name}: shown {one!r}\n  {' ' * len(name)}  model {other!r}"
        for name, one, other in zip(_PARTS, seen, expected, strict=True)
        if one != other
    ]
    return parts[0], f"incident {number} at {now} ms:{''.join(lines)}"
