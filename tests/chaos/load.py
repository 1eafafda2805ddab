"""Load through the public API: lives of incidents, some in time and some late, every answer on record.

A command is tried again with the same key until it is answered or patience ends; what was never answered is `unknown`:
it may have happened or not.
"""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.chaos.dice import dice_of
from tests.chaos.journal import Journal
from tests.chaos.stack import HERE, ChaosStack

TRY_SECONDS = 12.0
"""Longer than the gateway's own deadline for a command, so that its verdict is heard."""
PATIENCE_SECONDS = 60.0
ASKED_AGAIN = 0.1
"""Share of the answered commands that are sent once more with the same key: the answer must be the same."""


@dataclass
class Load:
    """Some workers, each leading one incident after the other through its life until told to stop."""

    stack: ChaosStack
    journal: Journal
    seed: int
    workers: int = 6
    stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._threads = [
            threading.Thread(target=Worker(self, number).run, name=f"load {number}", daemon=True)
            for number in range(self.workers)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new commands; what is under way is still tried to its end."""
        self.stopping.set()

    def join(self, within: float) -> None:
        until = time.monotonic() + within
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))
        assert not any(thread.is_alive() for thread in self._threads), "a worker of the load never ended"


class Worker:
    """One caller, with its own connection and its own dice."""

    def __init__(self, load: Load, number: int) -> None:
        self._load = load
        self._number = number
        self._dice = dice_of(load.seed, number)
        self._client = load.stack.new_client(TRY_SECONDS)
        self._count = itertools.count()

    def run(self) -> None:
        with self._client:
            while not self._load.stopping.is_set():
                self._one_life()

    def _one_life(self) -> None:
        path = self._report()
        if path is None:
            return
        for step in (self._push, self._twin, self._assign, self._field, self._finish, self._again):
            self._pause()
            if self._load.stopping.is_set() or not step(path):
                return

    def _report(self) -> str | None:
        tag = f"chaos-{self._load.seed}-{self._number}-{next(self._count)}"
        draft = {
            "source": "sensor", "category": "gas_leak", "priority": self._dice.choice((1, 2, 3)), "summary": tag,
            "location": {"lat": HERE["lat"] + self._dice.uniform(0, 0.01), "lon": HERE["lon"]},
        }  # fmt: skip
        answer = self._do("incident.create", "/v1/incidents", draft, tag=tag)
        return None if answer is None else f"/v1/incidents/{answer['incident_id']}"

    def _push(self, path: str) -> bool:
        if self._dice.random() < 0.05:
            return False  # left alone: its clock must come due
        return self._do("incident.push", f"{path}/push", {}) is not None

    def _twin(self, path: str) -> bool:
        """Somebody else has reported the same: now and then two incidents become one, and some of these two again."""
        if self._dice.random() < 0.1 and (twin := self._report()) is not None:
            into = {"into": path.rpartition("/")[2]}
            if self._do("incident.merge", f"{twin}/merge", into) is not None and self._dice.random() < 0.5:
                self._pause()
                self._do("incident.unmerge", f"{twin}/unmerge", {"reason": "not the same"})
        return True

    def _assign(self, path: str) -> bool:
        if self._dice.random() < 0.3:
            self._do("incident.note", f"{path}/note", {"note": f"note {next(self._count)}"})
        if self._dice.random() < 0.1:
            self._do("incident.cancel", f"{path}/cancel", {"reason": "no need"})
            return False
        return self._ask_for_a_team(path)

    def _ask_for_a_team(self, path: str) -> bool:
        answer = self._do("incident.assign", f"{path}/assignments", {"auto": True})
        if answer is None:
            return False
        self._assignment = answer["assignment_id"]
        if self._dice.random() < 0.15:
            self._do("assignment.refuse", f"/v1/assignments/{self._assignment}/refuse", {"reason": "busy"})
            # The next team is asked at once; nobody tells what it does, so its clock may come due. Then it is let go.
            self._pause(6.0)
            self._do("incident.cancel", f"{path}/cancel", {"reason": "nobody came"})
            return False
        return True

    def _field(self, path: str) -> bool:
        place = f"/v1/assignments/{self._assignment}"
        for name in ("accept", "depart", "arrive", "clear"):
            if self._do(f"assignment.{name}", f"{place}/{name}", {}) is None:
                break
            self._pause(0.8)
        return True

    def _finish(self, path: str) -> bool:
        self._do("incident.resolve", f"{path}/resolve", {"outcome": "settled"})
        self._do("incident.feedback", f"{path}/feedback", {"disposition": "18"})
        return self._do("incident.close", f"{path}/close", {}) is not None

    def _again(self, path: str) -> bool:
        """It was not over after all: the clocks of another generation run."""
        if self._dice.random() < 0.2 and self._do("incident.reopen", f"{path}/reopen", {"reason": "again"}) is not None:
            self._pause()
            return self._ask_for_a_team(path) and self._field(path) and self._finish(path)
        return True

    def _pause(self, most: float = 3.0) -> None:
        self._load.stopping.wait(self._dice.uniform(0, most))

    def _do(self, command: str, path: str, body: dict[str, Any], **told: Any) -> dict[str, Any] | None:
        """The answer of a command that was done; None when it was refused or never answered."""
        key = f"{self._load.seed}-{self._number}-{next(self._count)}"
        incident = path.split("/")[3] if path.startswith("/v1/incidents/") else None
        self._load.journal.add("invoke", key=key, command=command, incident=incident, **told)
        outcome, status, answer = self._until_answered(key, path, body)
        said = {name: answer.get(name) for name in ("incident_id", "version", "state", "assignment_id", "code")}
        self._load.journal.add("answer", key=key, command=command, outcome=outcome, status=status, **said, **told)
        if outcome != "unknown" and self._dice.random() < ASKED_AGAIN:
            again, _, second = self._until_answered(key, path, body)
            said = {name: second.get(name) for name in said}
            self._load.journal.add("again", key=key, command=command, outcome=again, **said)
        return answer if outcome == "ok" else None

    def _until_answered(self, key: str, path: str, body: dict[str, Any]) -> tuple[str, int, dict[str, Any]]:
        until = time.monotonic() + PATIENCE_SECONDS
        status = 0
        while time.monotonic() < until:
            try:
                response = self._client.post(path, json=body, headers={"idempotency-key": key})
                status = response.status_code
                if status == httpx.codes.ACCEPTED:
                    # Taken, to be delivered: the same key gets the incident once it has been.
                    self._load.journal.add("taken", key=key, tracking_id=response.json()["tracking_id"])
                elif status < httpx.codes.INTERNAL_SERVER_ERROR:
                    return ("ok" if response.is_success else "fail"), status, dict(response.json())
                else:
                    self._note_trouble(response)
            except (httpx.HTTPError, ValueError):
                status = 0
            threading.Event().wait(self._dice.uniform(0.1, 0.5))
        return "unknown", status, {}

    def _note_trouble(self, response: httpx.Response) -> None:
        """How a caller was told that it cannot be done now."""
        kind = response.headers.get("content-type", "")
        code = response.json().get("code") if kind.startswith("application/problem+json") else None
        self._load.journal.add(
            "trouble", status=response.status_code, code=code, retry_after=response.headers.get("retry-after"),
            type=kind, body=response.text[:2000],
        )  # fmt: skip
