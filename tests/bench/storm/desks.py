"""The people of the storm: callers, dispatchers and teams, each telling the API what it does when it does it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from cli.stack.address import Address
from tests.bench.storm.plan import Call

FIELD = ("accept", "depart", "arrive", "clear")
ASKED_AGAIN_SECONDS, ASKED_AGAIN_TIMES = 10.0, 60
LAST = {"resolve": {"outcome": "settled"}, "feedback": {"disposition": "18"}, "close": {}}


@dataclass
class Told:
    """What the load has been answered: seconds of each call from when it was due, refusals, incidents taken."""

    accepted: list[float] = field(default_factory=list)
    commands: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    incidents: list[str] = field(default_factory=list)
    collision: list[str] = field(default_factory=list)
    offered: int = 0
    second_look: int = 0
    waited: int = 0
    """Times a desk found every team of its centre busy, and asked again."""


class Api:
    """Kept connections to the gateway; one request at a time on each, as many as are needed."""

    def __init__(self, address: Address, told: Told) -> None:
        at = urlsplit(address.url)
        self._at, self._token, self._told = (at.hostname or "", at.port or 80), address.token, told
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and JSON."""
        reader, writer = self._kept() or await asyncio.open_connection(*self._at)
        data = orjson.dumps(body)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._at[0]}:{self._at[1]}\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        told = orjson.loads(await reader.readexactly(length))
        self._free.append((reader, writer))
        return int(answer[9:12]), told

    def _kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A free connection, if there is one; those that the gateway has ended, unused for long, are let go."""
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    async def do(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """One command of a desk or a team; None when it was refused, which is counted."""
        begin = time.perf_counter()
        status, told = await self.post(path, body)
        self._told.commands.append(time.perf_counter() - begin)
        if status >= 300:
            self._told.refused[f"{path.rpartition('/')[2]} {status} {told.get('code')}"] += 1
            return None
        return told

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


class Storm:
    """All calls, each with what becomes of it; `factor` times as fast as in reality."""

    def __init__(self, address: Address, factor: float) -> None:
        self.told = Told()
        self._api = Api(address, self.told)
        self._factor = factor

    async def run(self, calls: list[Call]) -> Told:
        """Returns when the last incident is closed."""
        begin = time.perf_counter() + 0.2
        await asyncio.gather(*(self._one(call, begin + call.at / self._factor) for call in calls))
        self._api.close()
        return self.told

    async def _one(self, call: Call, due: float) -> None:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        status, told = await self._api.post("/v1/incidents", call.told)
        self.told.accepted.append(time.perf_counter() - due)
        if status != 201:
            self.told.refused[f"incident {status} {told.get('code')}"] += 1
            return
        incident = str(told["incident_id"])
        self.told.incidents.append(incident)
        if call.about_the_collision:
            self.told.collision.append(incident)
            if await self._is_known(call, incident, told):
                return
        await self._live(call, incident)

    async def _is_known(self, call: Call, incident: str, told: dict[str, Any]) -> bool:
        """Whether the dispatcher found it to be a report of something known, and has put it there."""
        alike = told.get("likely_duplicates", [])
        self.told.offered += bool(alike)
        await self._pause(call, "merge")
        if not alike:
            # Two calls at the same moment cannot see each other: the desk looks once more before it sends anybody.
            _, again = await self._api.post("/v1/incidents/likely-duplicates", call.told)
            alike = [each for each in again["likely_duplicates"] if each["incident_id"] < incident]
            self.told.second_look += bool(alike)
        if not alike:
            return False
        known = min(alike, key=lambda each: (not each["primary"], each["incident_id"]))
        return await self._api.do(f"/v1/incidents/{incident}/merge", {"into": known["incident_id"]}) is not None

    async def _live(self, call: Call, incident: str) -> None:
        path = f"/v1/incidents/{incident}"
        await self._pause(call, "push")
        if await self._api.do(f"{path}/push", {}) is None:
            return
        await self._pause(call, "assign")
        given = await self._given(path)
        if given is None:
            return
        for step in FIELD:
            await self._pause(call, step)
            told = (
                self._api.do(f"/v1/assignments/{each['assignment_id']}/{step}", {}) for each in given["assignments"]
            )
            await asyncio.gather(*told)
        for step, body in LAST.items():
            await self._pause(call, step)
            await self._api.do(f"{path}/{step}", body)

    async def _given(self, path: str) -> dict[str, Any] | None:
        """Whom one command has sent, once there is a team to send; None when it was refused for anything else."""
        for _ in range(ASKED_AGAIN_TIMES):
            status, told = await self._api.post(f"{path}/assignments", {"auto": True})
            if told.get("code") != "no_team_available":
                break
            self.told.waited += 1
            await asyncio.sleep(ASKED_AGAIN_SECONDS / self._factor)
        if status >= 300:
            self.told.refused[f"assignments {status} {told.get('code')}"] += 1
            return None
        return told

    async def _pause(self, call: Call, step: str) -> None:
        await asyncio.sleep(call.pauses[step] / self._factor)
