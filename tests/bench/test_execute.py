"""How many stamps a second become rows, links of the hash chain and events, against psycopg2 writing the same rows.

Ours takes commands as the gateway hands them on: it checks them, recalls their keys, locks and loads incidents and
assignments, decides, and writes the lot. The raw writer knows beforehand what to write and reads nothing. Both one
transaction for each 500 stamps, into the same tables of the same server, which start each run with the same incidents.
"""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from psycopg2.extras import register_uuid

from chassis import settings as chassis_settings
from chassis.database import create_engine
from chassis.vault import DEVELOPMENT_MASTER_KEY
from services.dispatch import bootstrap
from services.dispatch.settings import Settings
from tests.bench.interleaved import medians, show
from tests.bench.raw_rows import Change, RawRows, Tables
from tests.bench.stamps import BATCH, INCIDENTS, STEPS, half_hour, teams
from tests.integration.dispatch.county import DEV, fill_county

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]
STAMPS = INCIDENTS * len(STEPS)
OURS, RAW = "services.dispatch.application.execute", "psycopg2 alone, the same rows"
# Measured on two cores that others use too: 0.27 to 0.34, 1,800 to 2,550; one statement or transaction a stamp is far
# below these floors.
RATIO_FLOOR, STAMPS_FLOOR = 0.2, 1_000


@pytest.fixture
def url(new_database) -> str:
    url = new_database("dispatch", role="dispatch")
    bootstrap.migrate(url)
    return url


@pytest.fixture
def engine(url) -> Iterator[sa.Engine]:
    engine = create_engine(url, name="bench", pool_size=2, relay_port=0)
    yield engine
    engine.dispose()


@pytest.fixture
def dispatch(engine, url) -> bootstrap.Dispatch:
    environment = {"DATABASE_URL": url, "AMQP_URL": "amqp://nobody@127.0.0.1:1/", "WANGGE_HEALTH_PORT": "0"}
    environment["WANGGE_MASTER_KEY"] = DEVELOPMENT_MASTER_KEY
    built = bootstrap.build(chassis_settings.load(Settings, environment), engine)
    built.transactions(fill_county)
    assert refusals(built.execute(teams(), DEV)) == []
    return built


@pytest.fixture
def raw(url) -> Iterator[RawRows]:
    register_uuid()
    connection = psycopg2.connect(url)
    yield RawRows(connection)
    connection.close()


@pytest.fixture
def empty(engine) -> Callable[[], None]:
    """Take away every incident and what belongs to it; teams and ground stay."""

    def emptied() -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE timeline DISABLE TRIGGER timeline_append_only"))
            connection.execute(sa.text("TRUNCATE incident, assignment, timeline, breach, contact, outbox, idempotency"))
            connection.execute(sa.text("TRUNCATE deadline"))
            connection.execute(sa.text("ALTER TABLE timeline ENABLE TRIGGER timeline_append_only"))

    return emptied


@pytest.fixture
def settled(engine) -> Callable[[], None]:
    """What a server that has been up for a while knows about its tables."""

    def analysed() -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("ANALYZE incident, assignment, timeline, outbox, idempotency, deadline"))

    return analysed


@pytest.fixture
def recorded(dispatch, raw, empty) -> tuple[Tables, list[list[Change]], Tables]:
    """One run, looked at after every batch: the tables before, what each batch changed, the tables after."""
    empty()
    calls, stamps = half_hour()
    assert refusals(dispatch.execute(calls, DEV)) == []
    looks = [raw.now()]
    for batch in stamps:
        assert refusals(dispatch.execute(batch, DEV)) == []
        looks.append(raw.now())
    changes = [raw.changes(before, after) for before, after in pairwise(looks)]
    return looks[0], changes, looks[-1]


def test_stamps_through_execute(dispatch, raw, empty, settled, recorded) -> None:
    before, batches, after = recorded
    assert len(after["timeline"]) >= STAMPS + INCIDENTS
    nothing: Tables = {table: {} for table in before}

    def ours() -> float:
        empty()
        calls, stamps = half_hour()
        dispatch.execute(calls, DEV)
        settled()
        begin = time.perf_counter()
        answers = [answer for batch in stamps for answer in dispatch.execute(batch, DEV)]
        seconds = time.perf_counter() - begin
        assert (len(answers), refusals(answers)) == (STAMPS, [])
        return STAMPS / seconds

    def alone() -> float:
        empty()
        raw.write(raw.changes(nothing, before))
        settled()
        begin = time.perf_counter()
        for changes in batches:
            raw.write(changes)
        seconds = time.perf_counter() - begin
        assert raw.now() == after
        return STAMPS / seconds

    rates = medians({OURS: ours, RAW: alone})
    ratio = show(f"execute, live stamps in batches of {BATCH}", "stamps", rates)[RAW]
    print(f"    rows a batch: {shape(batches[len(batches) // 2])}")
    assert ratio >= RATIO_FLOOR
    assert rates[OURS] >= STAMPS_FLOOR


def shape(changes: list[Change]) -> str:
    """New, changed and gone rows of each table."""
    return ", ".join(f"{c.table} +{len(c.inserted)} ~{len(c.updated)} -{len(c.deleted)}" for c in changes)


def refusals(answers: list[dict[str, Any]]) -> list[Any]:
    return [answer["problem"] for answer in answers if not answer["ok"]]
