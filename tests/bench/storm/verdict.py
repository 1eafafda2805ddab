"""What must be true after the storm, seen from outside: the database by SQL of our own, the stream as it was read."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import orjson

from cli.stack.address import Address
from tests.bench.storm.desks import Told
from tests.e2e.county import County

_INCIDENTS = """
SELECT incident_id::text, state, merged_into::text, received_at, pushed_at, first_assigned_at, first_on_scene_at
FROM incident
"""
_MERGED = "SELECT incident_id::text, min(recorded_at) FROM timeline WHERE type LIKE '%%.merged.%%' GROUP BY 1"
_BREACHES = (
    "SELECT incident_id::text, stage, withdrawn_at IS NULL, extract(epoch FROM recorded_at - due_at) FROM breach"
)


@dataclass
class Tape:
    """Every incident event that came over the public stream."""

    address: Address
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    joined: threading.Event = field(default_factory=threading.Event)

    async def run(self) -> None:
        """Read until cancelled."""
        at = urlsplit(self.address.url)
        reader, writer = await asyncio.open_connection(at.hostname, at.port, limit=2**24)
        head = f"GET /v1/stream?type=wangge.dispatch.incident.* HTTP/1.1\r\nHost: {at.netloc}\r\n"
        writer.write(f"{head}Authorization: Bearer {self.address.token}\r\n\r\n".encode())
        with contextlib.closing(writer):
            while line := await reader.readline():
                if line.startswith(b"data: ") and b'"specversion"' in line:
                    event = orjson.loads(line[6:])
                    self.seen[event["subject"], event["sequence"]] += 1
                elif b'"behind":0' in line:
                    self.joined.set()


def wrong(county: County, told: Told, tape: Tape, targets: dict[str, float]) -> list[str]:
    """A sentence for each thing that is not as it must be."""
    taken = set(told.incidents)
    rows = [row for row in county.query("dispatch", _INCIDENTS) if row[0] in taken]
    states = {row[0]: row[1] for row in rows}
    found = [f"{each}: taken, not stored" for each in told.incidents if each not in states]
    found += [f"refused: {what} {count} times" for what, count in told.refused.items()]
    left = Counter(states[each] for each in told.incidents if each in states)
    found += [f"{count} are {state}" for state, count in left.items() if state not in {"closed", "merged"}]
    roots = {row[0] for row in rows if row[0] in set(told.collision) and row[2] is None}
    if told.collision and len(roots) != 1:
        found.append(f"{len(told.collision)} reports of one collision are {len(roots)} incidents")
    return found + not_on_the_stream(county, taken, tape) + wrongly_judged(county, rows, targets)


def not_on_the_stream(county: County, taken: set[str], tape: Tape) -> list[str]:
    entries = county.query("dispatch", "SELECT incident_id::text, seq FROM timeline")
    recorded = {entry for entry in entries if entry[0] in taken}
    missing = len(recorded - set(tape.seen))
    twice = sum(count > 1 for count in tape.seen.values())
    found = [f"{missing} events never came over the stream"] if missing else []
    return found + ([f"{twice} events came twice over the stream"] if twice else [])


def wrongly_judged(county: County, rows: list[tuple[object, ...]], targets: dict[str, float]) -> list[str]:
    """Breaches that are no lateness, and lateness that is no breach."""
    mine = {row[0] for row in rows}
    standing = Counter((b[0], b[1]) for b in county.query("dispatch", _BREACHES) if b[2] and b[0] in mine)
    merged = dict(county.query("dispatch", _MERGED))
    now: datetime = county.query("dispatch", "SELECT clock_timestamp()")[0][0]
    late = Counter[tuple[object, str]]()
    for incident, _, _, *marks in rows:
        for stage, began, met in zip(("push", "assign", "arrive"), marks, marks[1:], strict=False):
            if isinstance(began, datetime):
                ended = met or merged.get(incident) or now
                late[incident, stage] += ended > began + timedelta(seconds=targets[stage])
    late += Counter()
    return [f"{key}: late, no breach" for key in late - standing] + [
        f"{key}: a breach, not late" for key in standing - late
    ]


def lateness_ms(county: County) -> list[float]:
    """From when each breach was due to when it was recorded, sorted."""
    return sorted(float(row[3]) * 1000 for row in county.query("dispatch", _BREACHES))
