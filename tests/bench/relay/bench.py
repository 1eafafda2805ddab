"""Relay: committed outbox rows become confirmed messages, against a raw publisher of messages made beforehand.

Ours claims the rows, builds the messages, publishes them in order per aggregate, deletes what was confirmed and
commits; the raw ones only publish: pika as it is, and our own link on pika, which joins the frames of many messages and
is the harder limit. All into a quorum queue of the same broker, persistent and mandatory, the same bodies and
properties, 500 unconfirmed at most.
"""

from __future__ import annotations

import time

import orjson
import sqlalchemy as sa

from chassis import outbox, topology
from chassis.database import QUEUE_STORAGE_SQL, chassis_tables, create_engine, in_transaction
from chassis.ids import uuid7
from chassis.link import Link, Message
from chassis.outbox_rows import OutboxClaim, message_of
from chassis.relay import Relay
from chassis.topology import Subscription
from tests.bench.bed import ROOT, Bed
from tests.bench.interleaved import RUNS, medians
from tests.bench.relay.raw_publisher import RawPublisher
from tests.bench.results import Result

GOAL = 0.8
OWNER = "bench"
SINK = Subscription("sink", "relayed", ((f"{OWNER}.events", "#"),))
EVENTS, WINDOW, AT_ONCE = 10_000, 500, 500
TYPE = "wangge.dispatch.incident.assigned.v1"
TABLES = chassis_tables(sa.MetaData())
BURSTS = {1: "each its own aggregate", 4: "bursts of 4"}


class Belt:
    """One outbox, one queue, and three ways to fill it."""

    def __init__(self, bed: Bed, burst: int) -> None:
        self.broker = bed.vhost()
        topology.declare(self.broker, [OWNER], [SINK])
        self.engine = made_engine(bed)
        body = orjson.dumps(orjson.loads((ROOT / f"contracts/examples/{TYPE}.json").read_bytes()))
        keys = [str(number // burst) for number in range(EVENTS)]
        self.events = [outbox.Outgoing(uuid7(), f"{OWNER}.events", TYPE, body, order_key=key) for key in keys]
        self.put()
        self.made = self.prepared()
        self.relay = Relay(self.engine, TABLES.outbox, self.broker, OWNER, window=WINDOW)

    def put(self) -> None:
        for start in range(0, EVENTS, AT_ONCE):
            batch = self.events[start : start + AT_ONCE]
            in_transaction(self.engine, lambda connection, batch=batch: outbox.put(connection, TABLES.outbox, batch))

    def prepared(self) -> list[Message]:
        """The messages that the relay would make of the rows now in the outbox; the outbox is empty afterwards."""
        with self.engine.begin() as connection:
            made = [message_of(row) for row in OutboxClaim(connection, TABLES.outbox, OWNER, EVENTS).first(EVENTS)]
            connection.execute(sa.delete(TABLES.outbox))
        return made

    def ours(self) -> float:
        self.put()
        with Link(self.broker, name="bench relay") as link:
            begin = time.perf_counter()
            while self.relay.relay_once(link):
                pass
            return self.all_arrived(time.perf_counter() - begin)

    def pika(self) -> float:
        return self.all_arrived(RawPublisher(self.broker, self.made, WINDOW).run())

    def joined(self) -> float:
        with Link(self.broker, name="bench link") as link:
            begin = time.perf_counter()
            for start in range(0, EVENTS, WINDOW):
                assert not any(link.publish_all(self.made[start : start + WINDOW], 30))
            return self.all_arrived(time.perf_counter() - begin)

    def all_arrived(self, seconds: float) -> float:
        with Link(self.broker, name="bench count") as link:
            assert link.call("queue_purge", SINK.queue).message_count == EVENTS
        return EVENTS / seconds


def made_engine(bed: Bed) -> sa.Engine:
    engine = create_engine(bed.database("relay"), name="bench", relay_port=0, by_key=True)
    metadata = sa.MetaData()
    chassis_tables(metadata)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for statement in QUEUE_STORAGE_SQL:
            connection.execute(sa.text(statement))
    return engine


def run(bed: Bed) -> list[Result]:
    results = []
    for burst, about in BURSTS.items():
        belt = Belt(bed, burst)
        rates = medians({"ours": belt.ours, "pika": belt.pika, "link": belt.joined})
        belt.engine.dispose()
        ours, raw, link = rates["ours"], rates["pika"], rates["link"]
        note = (
            f"medians of {RUNS} interleaved runs of {EVENTS} events, {WINDOW} unconfirmed; one commit a round; our own"
            f" link with frames joined, publishing only: {link:,.0f}/s (ratio to it {ours / link:.2f})"
        )
        goal, ratio = f"≥ {GOAL:g}× raw publisher", round(ours / raw, 2)
        results.append(Result(f"relay: {about}", "events/s", ours, goal, ratio >= GOAL, {}, raw, ratio, note))
    return results
