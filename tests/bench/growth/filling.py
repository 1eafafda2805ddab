"""A dispatch database with any number of incidents stored: real lives lived once, and copied by SQL into the past.

As in a county that has worked for years: all but a hundred are archived, spread evenly over the days before, `PER_DAY`
a day whatever the number, so that a bigger database reaches further back and the last day holds the same. One in ten
was pushed late. Identifiers grow with time as UUIDv7 do. What a copy hashes is its original's: nobody verifies it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg2
import sqlalchemy as sa

from cli.stack.postgres import with_database
from services.dispatch.bootstrap import Dispatch
from services.dispatch.domain.centre import Centre
from services.dispatch.domain.grid_tree import GridNode
from tests.integration.dispatch.county import box, command
from tests.support.callers import DEVELOPER

COUNTY, TOWNS, TEAMS = "999999", 20, 60
DEV = replace(DEVELOPER, client="bench")
PER_DAY, OPEN, TEMPLATES = 800, 100, 200
AT_ONCE = 500
IDLE = "idle"
"""A team that nobody ever sends."""
LEVELS = {6: "county", 9: "town", 12: "community", 15: "grid", 17: "micro_grid"}
LIFE = (
    "incident.create", "incident.push", "incident.assign", "assignment.accept", "assignment.depart",
    "assignment.arrive", "assignment.clear", "incident.resolve", "incident.feedback", "incident.close",
)  # fmt: skip
TOLD: dict[str, dict[str, Any]] = {
    "incident.assign": {"auto": True},
    "incident.resolve": {"outcome": "settled"},
    "incident.feedback": {"disposition": "18"},
}

# The copy number n of template n % templates: a new identity, and all its times moved back alike.
_COPIES = """
CREATE TEMPORARY TABLE copies AS
WITH chosen AS (
    SELECT n, %(newest)s::timestamptz - n * interval '1 day' / %(per_day)s AS at
    FROM generate_series(%(incidents)s, 1, -1) n
), template AS (
    SELECT incident_id, received_at, row_number() OVER (ORDER BY incident_id) - 1 AS place FROM incident
    WHERE state = 'archived'
)
SELECT n, t.incident_id AS old, c.at - t.received_at AS moved, c.at,
       (lpad(to_hex((extract(epoch FROM c.at) * 1000)::bigint), 12, '0')
        || '7000' || '8' || substr(md5(n::text), 1, 15))::uuid AS new
FROM chosen c JOIN template t ON t.place = n %% %(templates)s
"""
_KEPT_KEYS = "c.at > %(newest)s::timestamptz - interval '30 days'"


def towns() -> list[str]:
    return [f"{COUNTY}{number:03}" for number in range(1, TOWNS + 1)]


def fill_places(unit: Any) -> None:
    """The county in 20 towns of one micro-grid each, a desk in every town."""
    nodes = [_node(COUNTY)]
    centres = [_desk("C-county", COUNTY, "county")]
    for number, town in enumerate(towns()):
        codes = [town, f"{town}001", f"{town}001001"]
        west = 119 + number / TOWNS
        nodes += [_node(code) for code in codes]
        nodes.append(_node(f"{codes[-1]}01", box(west, 29.0, west + 1 / TOWNS, 30.0)))
        centres.append(_desk(f"C-{town}", town, "street_centre"))
    unit.places_writer.put_grids(nodes)
    unit.places_writer.put_centres(centres)


def _node(code: str, boundary: dict[str, Any] | None = None) -> GridNode:
    parent = next((code[:length] for length in sorted(LEVELS, reverse=True) if length < len(code)), None)
    return GridNode(code, 1, parent, LEVELS[len(code)], None, "演示", "Demo", boundary)


def _desk(code: str, grid_code: str, kind: str) -> Centre:
    return Centre(code, "演示中心", "Demo", kind, grid_code, 29.5, 119.5, always_open=True, hours=None, version=1)


def place(number: int) -> dict[str, float]:
    """Spread over the county, the same for the same number."""
    return {"lat": 29.02 + number * 0.61803 % 0.96, "lon": 119.0005 + number * 0.7548776 % 0.999}


def created(number: int, **more: Any) -> dict[str, Any]:
    told = {"reference": {"system": "bench", "number": str(number)}, "source": "police", "category": "medical"}
    told |= {"location": place(number), "caller": {"phone": "13800000000"}, "summary": "老人摔倒，需要救护"}
    return command("incident.create", data=told, **more)


def done(dispatch: Dispatch, commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was answered. Raises AssertionError for a refusal."""
    answers: list[dict[str, Any]] = []
    for start in range(0, len(commands), AT_ONCE):
        answers += dispatch.execute(commands[start : start + AT_ONCE], DEV)
    assert all(answer["ok"] for answer in answers), next(a for a in answers if not a["ok"])
    return answers


class Lives:
    """Incidents by number, and the assignment that each got."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._assignments: dict[int, str] = {}

    def commands(self, name: str, numbers: Iterable[int], at: Callable[[int], datetime | None]) -> list[dict[str, Any]]:
        """The commands of one step for these incidents."""
        return [
            self._command(name, each, {} if (told := at(each)) is None else {"occurred_at": told}) for each in numbers
        ]

    def step(self, name: str, numbers: Iterable[int], at: Callable[[int], datetime | None] = lambda _: None) -> None:
        """One step of all of them. Raises AssertionError for a refusal."""
        numbers = list(numbers)
        answers = done(self._dispatch, self.commands(name, numbers, at))
        if name == "incident.assign":
            found = (answer["result"]["assignment_id"] for answer in answers)
            self._assignments.update(zip(numbers, found, strict=True))

    def _command(self, name: str, number: int, more: dict[str, Any]) -> dict[str, Any]:
        if name == "incident.create":
            return created(number, **more)
        subject = {"incident": f"bench:{number}"}
        if name.startswith("assignment."):
            subject = {"assignment": self._assignments[number]}
        return command(name, data=TOLD.get(name, {}), **subject, **more)


def teams() -> Iterator[dict[str, Any]]:
    yield command("team.create", data=_team(IDLE, 0, skills=["care"]))
    for number in range(TEAMS):
        yield command("team.create", data=_team(f"G{number}", number, skills=["medical"]))


def _team(call_sign: str, number: int, skills: list[str]) -> dict[str, Any]:
    told = {"name_zh": "演示组", "kind": "medical", "centre_code": f"C-{towns()[number % TOWNS]}", "capacity": 20}
    told |= {"call_sign": call_sign, "skills": skills, "base": place(number * 7)}
    return {**told, "members": [{"role": "lead", "reference": "p-0001"}]}


def fill(dispatch: Dispatch, engine: sa.Engine, incidents: int, admin_url: str) -> None:
    """`incidents` stored, of which `OPEN` (a tenth of them when there are few) are open; then statistics."""
    dispatch.transactions(fill_places)
    done(dispatch, list(teams()))
    templates = min(TEMPLATES, incidents // 5)
    numbers = range(templates)
    # Long enough ago to be a backfill: copies need no clocks, and templates none that come due.
    at = datetime.now(UTC) - timedelta(hours=30)
    lives = Lives(dispatch)
    for after, name in enumerate((*LIFE, "incident.archive")):
        lives.step(name, numbers, partial(_moment, at, 20 * after))
    _multiply(engine, admin_url, incidents - templates, templates, at)
    opened = min(OPEN, incidents // 10)
    fresh = range(10_000_000, 10_000_000 + opened)
    for share, name in enumerate(LIFE[:6]):
        lives.step(name, [number for number in fresh if number % 6 >= share])
    _settle(engine, admin_url)


def _moment(at: datetime, after: float, number: int) -> datetime:
    return at + timedelta(seconds=number + after * (6 if number % 10 == 0 else 1))


def _multiply(engine: sa.Engine, admin_url: str, copies: int, templates: int, newest: datetime) -> None:
    told = {"newest": newest, "per_day": PER_DAY, "incidents": copies, "templates": templates}
    with closing(_administrator(engine, admin_url)) as raw, raw.cursor() as cursor:
        # A superuser's: a foreign key of every row is not looked up, nor each commit waited for.
        cursor.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        cursor.execute(_COPIES, told)
        cursor.execute("ANALYZE copies")
        for table in ("incident", "contact", "assignment", "timeline", "breach", "idempotency"):
            cursor.execute(_copying(cursor, table), told)
        cursor.execute("TRUNCATE outbox")


def _administrator(engine: sa.Engine, admin_url: str) -> Any:
    connection = psycopg2.connect(with_database(admin_url, str(engine.url.database)))
    connection.autocommit = True
    return connection


def _copying(cursor: Any, table: str) -> str:
    """INSERT … SELECT of every template's rows, with their times moved and their identities replaced."""
    cursor.execute(
        "SELECT attname, atttypid = 'timestamptz'::regtype FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (table,),
    )
    columns = cursor.fetchall()
    changed = {
        "incident_id": "c.new",
        "reference_number": "'copy-' || c.n",
        "assignment_id": "overlay(c.new::text placing '9' from 20)::uuid",
        "key": "t.key || '-' || c.n",
    }
    values = [changed.get(name, f"t.{name} + c.moved" if moment else f"t.{name}") for name, moment in columns]
    names = ", ".join(name for name, _ in columns)
    # Keys are told apart by their own number only: as many a day as commands are, of one template's commands each.
    joined = f"JOIN {table} t ON t.incident_id = c.old WHERE true"
    if table == "idempotency":
        joined = f"JOIN (SELECT * FROM idempotency LIMIT 11) t ON true WHERE {_KEPT_KEYS}"
    return f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM copies c {joined}"


def _settle(engine: sa.Engine, admin_url: str) -> None:
    """What a server that has been up for a while knows about its tables, and nothing left to write behind our back."""
    with closing(_administrator(engine, admin_url)) as raw, raw.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
