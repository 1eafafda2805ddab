"""One hop, as every service makes it: event in, inbox, a row of its own, event into the outbox, commit, ack."""

import eventlet

eventlet.monkey_patch()

from dataclasses import dataclass
from uuid import uuid4

import sqlalchemy as sa

from chassis import inbox, logs, outbox, topology
from chassis.database import chassis_tables, create_engine, in_transaction
from chassis.nameko.events import events
from chassis.outbox import Outgoing
from chassis.runner import run_service
from chassis.serving import ServingSettings
from chassis.settings import env, integer, load_or_exit
from tests.bench.hop.names import HOP, OWNER, SOURCE

TABLES = chassis_tables(sa.MetaData())
seen = sa.table("seen", sa.column("message_id"))


@dataclass(frozen=True)
class Settings(ServingSettings):
    amqp_url: str = env("AMQP_URL", secret=True)
    database_url: str = env("DATABASE_URL", secret=True)
    health_host: str = env("WANGGE_HEALTH_HOST", default="127.0.0.1")
    health_port: int = env("WANGGE_HEALTH_PORT", parse=integer(0, 65535))
    rpc_workers: int = env("WANGGE_RPC_WORKERS", default=1, parse=integer(1, 100))


settings = load_or_exit(Settings)
engine = create_engine(settings.database_url, name="hop service", by_key=True)


class HopService:
    name = OWNER

    @events(HOP, handler="hop")
    def on_events(self, deliveries):
        in_transaction(engine, lambda connection: pass_on(connection, deliveries))


def pass_on(connection, deliveries):
    fresh = inbox.fresh(connection, TABLES.inbox, "hop", [delivery.message_id for delivery in deliveries])
    taken = [delivery for delivery in deliveries if delivery.message_id in fresh]
    if taken:
        connection.execute(sa.insert(seen), [{"message_id": delivery.message_id} for delivery in taken])
        rows = [Outgoing(uuid4(), f"{OWNER}.events", "hop.done.v1", d.body, str(d.message_id)) for d in taken]
        outbox.put(connection, TABLES.outbox, rows)


if __name__ == "__main__":
    logs.configure("hop", settings.log_level)
    run_service(
        HopService, settings, engine=engine, may=lambda _actor, _permission: False,
        declare=lambda: topology.declare(settings.amqp_url, [SOURCE, OWNER], [HOP]),
    )  # fmt: skip
