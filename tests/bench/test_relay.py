"""How fast committed outbox rows become confirmed messages, against pika alone on messages made beforehand.

Ours reads the rows, builds the messages, publishes them in order per aggregate, deletes what was confirmed and commits;
the raw ones only publish: pika as it is, and our own link on pika, which joins the frames of many messages and is the
harder limit. All into the same quorum queue of the same broker, persistent and mandatory, the same bodies and
properties, 500 unconfirmed at most.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa

from chassis import outbox, topology
from chassis.database import QUEUE_STORAGE_SQL, chassis_tables, create_engine, in_transaction
from chassis.ids import uuid7
from chassis.link import Link, Message
from chassis.outbox_rows import message_of
from chassis.relay import Relay
from chassis.topology import Subscription
from tests.bench.interleaved import medians, show
from tests.bench.raw_publisher import RawPublisher

pytestmark = [pytest.mark.bench, pytest.mark.timeout(180)]
OWNER = "bench"
SINK = Subscription("sink", "relayed", ((f"{OWNER}.events", "#"),))
EVENTS, WINDOW, AT_ONCE = 5_000, 500, 500
TYPE = "wangge.dispatch.incident.assigned.v1"
BODY = orjson.dumps(orjson.loads((Path(__file__).parents[2] / f"contracts/examples/{TYPE}.json").read_bytes()))
TABLES = chassis_tables(sa.MetaData())
PIKA, LINK = "pika alone", "our link alone, frames joined"
# Half of what pika can do is the goal. Measured on two cores: 0.56 of it when quiet, up to 0.88 when others work too;
# of the link 0.51 to 0.75.
FLOORS = {PIKA: 0.5, LINK: 0.35}


@pytest.fixture
def engine(new_database) -> Iterator[sa.Engine]:
    engine = create_engine(new_database("relay"), name="bench", relay_port=0)
    metadata = sa.MetaData()
    chassis_tables(metadata)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for statement in QUEUE_STORAGE_SQL:
            connection.execute(sa.text(statement))
    yield engine
    engine.dispose()


@pytest.fixture
def broker(new_vhost) -> str:
    url = new_vhost()
    topology.declare(url, [OWNER], [SINK])
    return url


@pytest.fixture
def arrived(broker) -> Iterator[Callable[[], int]]:
    """How many messages are in the queue; it is empty afterwards."""
    with Link(broker, name="bench count") as link:
        yield lambda: link.call("queue_purge", SINK.queue).message_count


def rows(burst: int) -> list[outbox.Outgoing]:
    """Events of aggregates that tell `burst` of them in a row."""
    keys = [str(number // burst) for number in range(EVENTS)]
    return [outbox.Outgoing(uuid7(), f"{OWNER}.events", TYPE, BODY, order_key=key) for key in keys]


def put(engine: sa.Engine, events: list[outbox.Outgoing]) -> None:
    for start in range(0, EVENTS, AT_ONCE):
        batch = events[start : start + AT_ONCE]
        in_transaction(engine, lambda connection, batch=batch: outbox.put(connection, TABLES.outbox, batch))


def prepared(engine: sa.Engine) -> list[Message]:
    """The messages that the relay would make of the rows now in the outbox; the outbox is empty afterwards."""
    with engine.begin() as connection:
        made = [message_of(row) for row in connection.execute(sa.select(TABLES.outbox).order_by("id"))]
        connection.execute(sa.delete(TABLES.outbox))
    return made


@pytest.mark.parametrize("burst", [1, 4], ids=["each its own aggregate", "bursts of 4"])
def test_outbox_rows_to_confirmed_messages(engine, broker, arrived, burst) -> None:
    events = rows(burst)
    put(engine, events)
    made = prepared(engine)
    relay = Relay(engine, TABLES.outbox, broker, OWNER, window=WINDOW)

    def ours() -> float:
        put(engine, events)
        with Link(broker, name="bench relay") as link:
            begin = time.perf_counter()
            while relay.relay_once(link):
                pass
            seconds = time.perf_counter() - begin
        assert arrived() == EVENTS
        return EVENTS / seconds

    def raw() -> float:
        seconds = RawPublisher(broker, made, WINDOW).run()
        assert arrived() == EVENTS
        return EVENTS / seconds

    def joined() -> float:
        with Link(broker, name="bench link") as link:
            begin = time.perf_counter()
            for start in range(0, EVENTS, WINDOW):
                assert not any(link.publish_all(made[start : start + WINDOW], 30))
            seconds = time.perf_counter() - begin
        assert arrived() == EVENTS
        return EVENTS / seconds

    ways = {"outbox to confirmed": ours, PIKA: raw, LINK: joined}
    ratios = show(f"relay, {burst} event(s) of an aggregate in a row", "events", medians(ways))
    assert {name: ratio for name, ratio in ratios.items() if ratio < FLOORS[name]} == {}
