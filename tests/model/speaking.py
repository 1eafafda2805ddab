"""What an actor asks, as the client sends it: sent again, it is the same, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.model.county_model import Ask
from tests.model.memory import Memory
from tests.model.team_model import PLACES
from tests.unit.dispatch.builders import T0

CENTRES = {"community": "C-999999001001", "town": "C-999999001", "county": "C-999999"}
CALLER = {"phone": "00000000000"}
NOBODYS = UUID(int=99)  # an assignment that nobody ever had
_NOBODY = str(NOBODYS)
_DATA: dict[str, dict[str, Any]] = {
    "incident.resolve": {"outcome": "settled"}, "incident.feedback": {"disposition": "18"},
    "incident.cancel": {"reason": "不需要"}, "incident.reopen": {"reason": "又来电"},
    "incident.escalate": {"reason": "请求支援"}, "incident.hand_over": {"to": "mediation", "reason": "纠纷"},
    "incident.note": {"note": "备注"}, "assignment.refuse": {"reason": "车辆故障"},
    "incident.read_contact": {"purpose": "call_back"},
}  # fmt: skip


class Client:
    """Puts asks into commands and remembers what it sent."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.sent: dict[str, dict[str, Any]] = {}

    def command(self, ask: Ask) -> dict[str, Any]:
        """The command as it goes over the wire."""
        known = self.sent.get(ask.key)
        if known is not None and known["ask"] == ask:
            command: dict[str, Any] = known["command"]
            return command
        command = {"command": ask.name, "key": ask.key, "data": dict(_DATA.get(ask.name, {}))}
        if ask.at is not None:
            command["occurred_at"] = wire(ask.at)
        self._address(command, ask)
        self._fill(command["data"], ask)
        named = command.get("assignment") or command["data"].get("assignment")
        self.sent.setdefault(ask.key, {"ask": ask, "command": command, "guessed": named == _NOBODY})
        return command

    def as_sent(self, ask: Ask) -> Ask:
        """An assignment that was not there when its command was first sent is none of those that came later."""
        known = self.sent[ask.key]
        return replace(ask, seq=NOBODYS.int) if known["guessed"] and known["ask"] == ask else ask

    def _address(self, command: dict[str, Any], ask: Ask) -> None:
        if ask.name.startswith("team."):
            if ask.name != "team.create":
                command["team"] = ask.team
        elif ask.name.startswith("assignment.") and ask.seq is not None:
            command["assignment"] = self._assignment_id(ask)
        elif ask.name != "incident.create":
            command["incident"] = f"sim:{ask.number}"
            if ask.name.startswith("assignment."):
                command["team"] = ask.team

    def _fill(self, data: dict[str, Any], ask: Ask) -> None:
        if ask.name == "incident.create":
            self._fill_call(data, ask)
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
        elif ask.name.startswith("team."):
            _fill_team(data, ask)
        elif ask.get("place"):
            data |= {"lat": PLACES[ask.get("place")][0], "lon": 120.0}

    def _fill_call(self, data: dict[str, Any], ask: Ask) -> None:
        data |= {"reference": {"system": "sim", "number": str(ask.number)}, "source": ask.get("source"),
                 "category": ask.get("category"), "exercise": ask.get("exercise", False),
                 "push": ask.get("push", False)}  # fmt: skip
        if ask.get("located", True):
            data["location"] = {"lat": 30.0, "lon": 120.0}
        if ask.get("contact"):
            data["caller"] = CALLER

    def _assignment_id(self, ask: Ask) -> str:
        incident = self.memory.incidents.by_reference("sim", str(ask.number))
        if incident is not None and ask.seq is not None and ask.seq <= len(incident.assignments):
            return str(incident.assignments[ask.seq - 1].id)
        return _NOBODY


def _fill_team(data: dict[str, Any], ask: Ask) -> None:
    if ask.name == "team.create":
        data |= {"call_sign": ask.team, "name_zh": "演示组", "kind": "medical", "centre_code": CENTRES["community"],
                 "skills": ["medical"], "capacity": ask.get("capacity", 1)}  # fmt: skip
    elif ask.name == "team.move":
        data |= {"lat": PLACES[ask.get("place")][0], "lon": 120.0}
    elif ask.name == "team.shifts":
        data["shifts"] = [{"starts_at": wire(start), "ends_at": wire(end)} for start, end in ask.get("shifts")]
    elif ask.get("what") == "manned":
        data["members"] = [{"role": "lead", "reference": "p-0001", "absent": not ask.get("value")}]
    elif ask.get("what") == "centre":
        data["centre_code"] = ask.get("value")
    else:
        data[ask.get("what")] = ask.get("value")


def wire(at: int) -> str:
    """A moment of the simulated world as RFC 3339."""
    return (T0 + timedelta(milliseconds=at)).isoformat().replace("+00:00", "Z")
