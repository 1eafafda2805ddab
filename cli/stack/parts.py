"""The list of what a stack runs, read from parts.json: adding a service is adding lines there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PARTS = Path(__file__).with_name("parts.json")


@dataclass(frozen=True)
class Part:
    """One process. `command` are the arguments of Python; `ports` and `secrets` map environment keys to names in the
    plan, `folders` to folders of the instance; `service` names the database, database role and broker user it works
    with; `ready` is the port to ask.
    """

    name: str
    kind: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    service: str | None = None
    ready: str | None = None
    ports: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """What owns one database, with the PostgreSQL extensions it needs; `outbox`: whether it tells what it commits."""

    name: str
    extensions: tuple[str, ...] = ()
    outbox: bool = True


@dataclass(frozen=True)
class PartList:
    """Everything of ours that a stack runs; servers are not in it."""

    services: tuple[Service, ...]
    parts: tuple[Part, ...]

    @property
    def port_names(self) -> list[str]:
        return sorted({name for part in self.parts for name in part.ports.values()} | {"http"})

    @property
    def user_names(self) -> list[str]:
        """Who logs in to the broker: each service, and each part that belongs to none (the gateway)."""
        return sorted({service.name for service in self.services} | {p.name for p in self.parts if p.service is None})


def read_parts(path: Path = PARTS) -> PartList:
    data = json.loads(path.read_text(encoding="utf-8"))
    return PartList(tuple(map(_service, data["services"])), tuple(_part(entry) for entry in data["parts"]))


def _service(entry: Mapping[str, Any]) -> Service:
    return Service(entry["name"], tuple(entry.get("extensions", ())), entry.get("outbox", True))


def _part(entry: dict[str, Any]) -> Part:
    return Part(**{**entry, "command": tuple(entry["command"]), "needs": tuple(entry.get("needs", ()))})
