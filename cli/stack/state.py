"""What the supervisor knows, in one file that is replaced as a whole: a reader never sees half of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cli.stack.instance import Instance
from cli.stack.process import Identity

FILE = "state.json"


@dataclass
class PartState:
    """One part as `wangge status` shows it. `state` is one of waiting, starting, ready, unready, done, backing_off,
    misconfigured, stopped; `since` is Unix time in seconds.
    """

    name: str
    kind: str
    state: str = "waiting"
    identity: Identity | None = None
    since: float | None = None
    restarts: int = 0
    last_exit: str | None = None
    port: int | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PartState:
        return cls(**{**data, "identity": Identity.from_json(data["identity"])})


@dataclass
class State:
    """The whole stack. `supervisor` says who wrote it; the file outlives its writer, so look whether that one lives.

    `tries` counts how often the supervisor was asked to try given-up parts again.
    """

    instance: str
    supervisor: Identity | None
    address: str
    places: dict[str, str]
    parts: list[PartState] = field(default_factory=list)
    message: str | None = None
    tries: int = 0

    @property
    def supervised(self) -> bool:
        return self.supervisor is not None and self.supervisor.alive()

    @property
    def ready(self) -> bool:
        """Every part of a living stack is up (tasks are done)."""
        return self.supervised and bool(self.parts) and all(p.state in {"ready", "done"} for p in self.parts)

    def write(self, instance: Instance) -> None:
        path = instance.directory / FILE
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(asdict(self), indent=1))
        fresh.replace(path)

    @classmethod
    def read(cls, instance: Instance) -> State | None:
        """The last state written, or None when this instance has none (never up, or taken down)."""
        path: Path = instance.directory / FILE
        try:
            data = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        data["supervisor"] = Identity.from_json(data["supervisor"])
        data["parts"] = [PartState.from_json(part) for part in data["parts"]]
        return cls(**data)

    @staticmethod
    def remove(instance: Instance) -> None:
        (instance.directory / FILE).unlink(missing_ok=True)
