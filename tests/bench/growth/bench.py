"""Growth: what does one incident cost with 1,000, 10,000, 100,000 and a million incidents stored?

Four databases of one server, filled with lives lived through dispatch and copied into the past (filling.py): the last
day holds the same in each, a hundred incidents are open. Measured through dispatch's own use cases: every command of an
incident's life (single, and in batches of 100), and what a dispatcher asks for. In turns, each step of every size
before the next; the ratio is the median of largest to smallest right beside each other in time.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial

import sqlalchemy as sa

from chassis import settings as chassis_settings
from chassis.database import create_engine
from chassis.vault import DEVELOPMENT_MASTER_KEY
from services.dispatch import bootstrap
from services.dispatch.application import queries, reports, selecting
from services.dispatch.settings import Settings
from tests.bench.bed import Bed
from tests.bench.growth.filling import DEV, IDLE, LIFE, Lives, fill, place, towns
from tests.bench.results import Result

SIZES = tuple(int(each) for each in os.environ.get("BENCH_GROWTH", "1000,10000,100000,1000000").split(","))
ROUNDS, SINGLE, BATCH, ASKED = int(os.environ.get("BENCH_GROWTH_ROUNDS", "9")), 8, 100, 4
MOST_GROWTH = 1.2
Times = dict[str, dict[int, list[float]]]
"""Milliseconds by step, by incidents stored."""


class Office:
    """Dispatch on one database of its own."""

    def __init__(self, bed: Bed, ending: ExitStack, incidents: int) -> None:
        self.incidents = incidents
        url = bed.database("growth", role="dispatch")
        bootstrap.migrate(url)
        self.engine = create_engine(url, name="bench", pool_size=2, relay_port=0, by_key=True)
        ending.callback(self.engine.dispose)
        environment = {"DATABASE_URL": url, "AMQP_URL": "amqp://nobody@127.0.0.1:1/", "WANGGE_HEALTH_PORT": "0"}
        environment["WANGGE_MASTER_KEY"] = DEVELOPMENT_MASTER_KEY
        self.dispatch = bootstrap.build(chassis_settings.load(Settings, environment), self.engine)
        began = time.perf_counter()
        fill(self.dispatch, self.engine, incidents, bed.database.admin_url)
        print(f"    {incidents:,} stored in {time.perf_counter() - began:.0f} s, {self._megabytes():,} MB", flush=True)
        self.lives = Lives(self.dispatch)
        self._numbers = range(20_000_000, 20_000_000)
        self._day = (datetime.now(UTC) - timedelta(days=2)).isoformat()

    def _megabytes(self) -> int:
        with self.engine.connect() as connection:
            return int(
                connection.execute(sa.text("SELECT pg_database_size(current_database()) / 1000000")).scalar_one()
            )

    def live(self, name: str, count: int) -> float:
        """One step of the next `count` incidents in one transaction; milliseconds each."""
        if name == LIFE[0]:
            self._numbers = range(self._numbers.stop, self._numbers.stop + count)
        return timed(partial(self.lives.step, name, self._numbers)) / count

    def cleared(self) -> None:
        """Take away what a relay would have taken by now."""
        with self.engine.begin() as connection:
            connection.execute(sa.text("TRUNCATE outbox"))

    def questions(self) -> dict[str, Callable[[], object]]:
        ask, day, town = self.dispatch.ask, self._day, towns()[3]
        since = {"since": day}
        return {
            "incident with timeline": partial(
                ask, queries.get_incident, DEV, f"bench:{self._numbers[0]}", ("timeline",)
            ),
            "open of a town": partial(ask, queries.list_incidents, DEV, {"open": True, "prefix": town}),
            "newest of a town": partial(ask, queries.list_incidents, DEV, {"prefix": town}),
            "of three states in a town": partial(
                ask, queries.list_incidents, DEV, {"state": ["pushed", "assigned", "on_scene"], "prefix": town}
            ),
            "missed in two days": partial(ask, queries.list_incidents, DEV, {"breached": True, **since}),
            "in part": partial(ask, selecting.select_incidents, DEV, ["incident_id", "state"], {}, 200),
            "newest of a category": partial(ask, queries.list_incidents, DEV, {"category": "medical"}),
            "newest of a team": partial(ask, queries.list_incidents, DEV, {"team": "G3", **since}),
            "of a team never sent": partial(ask, queries.list_incidents, DEV, {"team": IDLE}),
            "board": partial(ask, reports.board, DEV),
            "recommendations": partial(ask, queries.recommendations, DEV, f"bench:{self._numbers[0]}"),
            "likely duplicates": partial(ask, queries.likely_duplicates, DEV, {"location": place(self._numbers[0])}),
            "sla of the last two days": partial(ask, reports.sla_report, DEV, since),
            "sla by town": partial(ask, reports.sla_report, DEV, since, "town"),
            "sla by team": partial(ask, reports.sla_report, DEV, since, "team"),
            "sla of a town": partial(ask, reports.sla_report, DEV, {**since, "prefix": town}),
            "breaches of two days": partial(ask, reports.sla_breaches, DEV, since),
            "breaches of a town": partial(ask, reports.sla_breaches, DEV, {**since, "prefix": town}),
            "teams": partial(ask, queries.list_teams, DEV),
            "centres": partial(ask, queries.list_centres, DEV),
        }


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def run(bed: Bed) -> list[Result]:
    with ExitStack() as ending:
        offices = [Office(bed, ending, size) for size in SIZES]
        taken: Times = {}
        for turn in range(-1, ROUNDS):
            if turn == 0:
                taken.clear()  # plans and caches: the round before counts for nobody
            round_of(offices[:: -1 if turn % 2 else 1], taken)
        return results(taken)


def round_of(offices: Sequence[Office], taken: Times) -> None:
    """Every step of every size in turns, so that whatever else the machine does befalls all alike."""
    ways = [("single", 1)] * SINGLE + [("batch", BATCH)]
    for way, count in ways:
        for name in LIFE:
            for office in offices:
                note(taken, f"{name.partition('.')[2]}, {way}", office, office.live(name, count))
    for _ in range(ASKED):
        for name in offices[0].questions():
            for office in offices:
                note(taken, name, office, timed(office.questions()[name]))
    for office in offices:
        office.cleared()


def note(taken: Times, name: str, office: Office, milliseconds: float) -> None:
    taken.setdefault(name, {}).setdefault(office.incidents, []).append(milliseconds)


def lives(taken: Times, way: str) -> dict[int, list[float]]:
    """The steps of each life together."""
    steps = [by_size for name, by_size in taken.items() if name.endswith(f", {way}")]
    return {size: [sum(each) for each in zip(*(step[size] for step in steps), strict=True)] for size in steps[0]}


def results(taken: Times) -> list[Result]:
    """The whole life, and the question that has grown most; every step's figures beside them."""
    lines = {name: line(name, by_size) for name, by_size in taken.items()}
    print("\n".join(f"    {each}" for each in lines.values()), flush=True)
    found = []
    for way in ("single", "batch"):
        steps = [each for name, each in lines.items() if name.endswith(f", {way}")]
        found.append(result(f"growth: a life, {way}", lives(taken, way), steps))
    asked = {name: by_size for name, by_size in taken.items() if ", " not in name}
    worst = max(asked, key=lambda name: growth(asked[name]))
    found.append(result(f"growth: questions ({worst})", asked[worst], [lines[name] for name in asked]))
    return found


def growth(by_size: dict[int, list[float]]) -> float:
    """Median of how many times as long the largest took as the smallest right beside it."""
    pairs = zip(by_size[max(by_size)], by_size[min(by_size)], strict=True)
    return statistics.median(most / least for most, least in pairs)


def result(name: str, by_size: dict[int, list[float]], lines: Sequence[str]) -> Result:
    least, most = min(by_size), max(by_size)
    ratio, median = round(growth(by_size), 2), {size: statistics.median(each) for size, each in by_size.items()}
    goal = f"{most:,} stored ≤ {MOST_GROWTH:g}× {least:,}"
    peers = {f"{size:,}": round(value, 2) for size, value in median.items() if size != most}
    note = f"ms with {', '.join(f'{size:,}' for size in by_size)} stored, medians of {ROUNDS} rounds (and of the ratios"
    note = f"{note} of neighbours in time): {'; '.join(lines)}"
    return Result(name, "ms", round(median[most], 2), goal, ratio <= MOST_GROWTH, peers, None, ratio, note)


def line(name: str, by_size: dict[int, list[float]]) -> str:
    return f"{name}: {' '.join(f'{statistics.median(each):.2f}' for each in by_size.values())} ({growth(by_size):.2f})"
