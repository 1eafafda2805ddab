"""How many stamps a second become rows, links of the hash chain and events, against psycopg2 writing the same rows.

Ours takes commands as the gateway hands them on: it checks them, recalls their keys, locks and loads incidents and
assignments, decides, and writes the lot. The raw writer knows beforehand what to write and reads nothing. Both one
transaction for each 500 stamps, into the same tables of the same server, which start each run with the same incidents.
"""

import time
from contextlib import ExitStack, closing
from itertools import pairwise
from typing import Any

import psycopg2
import sqlalchemy as sa
from psycopg2.extras import register_uuid

from chassis import settings as chassis_settings
from chassis.database import create_engine
from chassis.vault import DEVELOPMENT_MASTER_KEY
from services.dispatch import bootstrap
from services.dispatch.settings import Settings
from tests.bench.bed import Bed
from tests.bench.execute.raw_rows import Change, RawRows, Tables
from tests.bench.execute.stamps import BATCH, INCIDENTS, STEPS, half_hour, teams
from tests.bench.interleaved import medians
from tests.bench.results import Result
from tests.integration.dispatch.county import DEV, fill_county

STAMPS = INCIDENTS * len(STEPS)
# Measured on two cores that others use too: 0.27 to 0.34; one statement or transaction a stamp is far below this floor.
RATIO_FLOOR = 0.2


class Office:
    """A dispatch of our own and a raw writer beside it, on one database."""

    def __init__(self, bed: Bed, ending: ExitStack) -> None:
        url = bed.database("dispatch", role="dispatch")
        bootstrap.migrate(url)
        self.engine = create_engine(url, name="bench", pool_size=2, relay_port=0, by_key=True)
        ending.callback(self.engine.dispose)
        environment = {"DATABASE_URL": url, "AMQP_URL": "amqp://nobody@127.0.0.1:1/", "WANGGE_HEALTH_PORT": "0"}
        environment["WANGGE_MASTER_KEY"] = DEVELOPMENT_MASTER_KEY
        self.dispatch = bootstrap.build(chassis_settings.load(Settings, environment), self.engine)
        self.dispatch.transactions(fill_county)
        assert refusals(self.dispatch.execute(teams(), DEV)) == []
        register_uuid()
        self.raw = RawRows(ending.enter_context(closing(psycopg2.connect(url))))
        self.before, self.batches, self.after = self.recorded()
        assert len(self.after["timeline"]) >= STAMPS + INCIDENTS

    def empty(self) -> None:
        """Take away every incident and what belongs to it; teams and ground stay."""
        with self.engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE timeline DISABLE TRIGGER timeline_append_only"))
            connection.execute(sa.text("TRUNCATE incident, assignment, timeline, breach, contact, outbox, idempotency"))
            connection.execute(sa.text("TRUNCATE deadline"))
            connection.execute(sa.text("ALTER TABLE timeline ENABLE TRIGGER timeline_append_only"))

    def settled(self) -> None:
        """What a server that has been up for a while knows about its tables."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("ANALYZE incident, assignment, timeline, outbox, idempotency, deadline"))

    def recorded(self) -> tuple[Tables, list[list[Change]], Tables]:
        """One run, looked at after every batch: the tables before, what each batch changed, the tables after."""
        self.empty()
        calls, stamps = half_hour()
        assert refusals(self.dispatch.execute(calls, DEV)) == []
        looks = [self.raw.now()]
        for batch in stamps:
            assert refusals(self.dispatch.execute(batch, DEV)) == []
            looks.append(self.raw.now())
        return looks[0], [self.raw.changes(before, after) for before, after in pairwise(looks)], looks[-1]

    def ours(self) -> float:
        self.empty()
        calls, stamps = half_hour()
        self.dispatch.execute(calls, DEV)
        self.settled()
        begin = time.perf_counter()
        answers = [answer for batch in stamps for answer in self.dispatch.execute(batch, DEV)]
        seconds = time.perf_counter() - begin
        assert (len(answers), refusals(answers)) == (STAMPS, [])
        return STAMPS / seconds

    def alone(self) -> float:
        self.empty()
        nothing: Tables = {table: {} for table in self.before}
        self.raw.write(self.raw.changes(nothing, self.before))
        self.settled()
        begin = time.perf_counter()
        for changes in self.batches:
            self.raw.write(changes)
        seconds = time.perf_counter() - begin
        assert self.raw.now() == self.after
        return STAMPS / seconds


def run(bed: Bed) -> list[Result]:
    with ExitStack() as ending:
        office = Office(bed, ending)
        rates = medians({"ours": office.ours, "raw": office.alone})
    ratio = round(rates["ours"] / rates["raw"], 2)
    note = f"batches of {BATCH}; rows a batch: {shape(office.batches[len(office.batches) // 2])}"
    goal = f"≥ {RATIO_FLOOR:g}× raw rows"
    return [
        Result(
            "execute: live stamps", "stamps/s", rates["ours"], goal, ratio >= RATIO_FLOOR, {}, rates["raw"], ratio, note
        )
    ]


def shape(changes: list[Change]) -> str:
    """New, changed and gone rows of each table."""
    return ", ".join(f"{c.table} +{len(c.inserted)} ~{len(c.updated)} -{len(c.deleted)}" for c in changes)


def refusals(answers: list[dict[str, Any]]) -> list[Any]:
    return [answer["problem"] for answer in answers if not answer["ok"]]
