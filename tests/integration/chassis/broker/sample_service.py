"""A small service on the chassis, started as a process by the tests of this folder; its messages say what to do."""

import eventlet

eventlet.monkey_patch()

import os
import signal
from dataclasses import dataclass

import orjson
import sqlalchemy as sa
from nameko.extensions import DependencyProvider

from chassis import inbox, logs, topology, tracing
from chassis.database import chassis_tables, create_engine, in_transaction
from chassis.errors import Conflict
from chassis.nameko.events import events
from chassis.nameko.rpc import CallContext, rpc
from chassis.runner import run_service
from chassis.serving import ServingSettings
from chassis.settings import env, integer, load_or_exit
from chassis.topology import Subscription
from chassis.tracing import current_traceparent

OWNER = "sample"
TABLES = chassis_tables(sa.MetaData())
effects = sa.table(
    "effect",
    *map(sa.column, ("handler", "message_id", "key", "number", "batch", "routing_key", "attempt", "traceparent")),
)
attempts = sa.table("attempt", sa.column("message_id"))
COUNTS = Subscription("sample", "counts", ((f"{OWNER}.events", "sample.#"),), retry_seconds=(1,), max_attempts=3)
ORDERS = Subscription("sample", "orders", ((f"{OWNER}.commands", "#"),), retry_seconds=(1,), max_attempts=3)


@dataclass(frozen=True)
class Settings(ServingSettings):
    amqp_url: str = env("AMQP_URL", secret=True)
    database_url: str = env("DATABASE_URL", secret=True)
    health_host: str = env("WANGGE_HEALTH_HOST", default="127.0.0.1")
    health_port: int = env("WANGGE_HEALTH_PORT", parse=integer(0, 65535))
    rpc_workers: int = env("WANGGE_RPC_WORKERS", default=4, parse=integer(1, 100))


class Refusal(Exception):
    """Shaped as a domain's refusals are."""

    code, kind, detail, field, rule = "no_such_grid", "invalid", "unknown grid", "location.grid_code", None

    def __init__(self):
        self.extra = {"tried": 3}


settings = load_or_exit(Settings)
engine = create_engine(settings.database_url, name="sample service")


class Fragile(DependencyProvider):
    """Breaks the worker lifecycle when told to, which nameko answers by killing the container."""

    def worker_setup(self, worker_ctx):
        if worker_ctx.args == ["break the container"]:
            raise RuntimeError("broken on request")


class SampleService:
    name = "sample"
    call = CallContext()
    fragile = Fragile()

    @events(COUNTS, handler="counts")
    def on_counts(self, deliveries):
        batch = [(delivery, orjson.loads(delivery.body)) for delivery in deliveries]
        in_transaction(engine, lambda connection: take(connection, "counts", batch))
        if any(order.get("do") == "die after commit" for _, order in batch):
            die_once()
        for _, order in batch:
            eventlet.sleep(order.get("then_wait", 0))

    @events(ORDERS, handler="orders")
    def on_orders(self, deliveries):
        batch = [(delivery, orjson.loads(delivery.body)) for delivery in deliveries]
        in_transaction(engine, lambda connection: take(connection, "orders", batch))

    @rpc(permission="sample.call")
    def echo(self, value):
        return value

    @rpc(permission="sample.call")
    def whoami(self):
        return {
            "actor": self.call.actor.to_claims(),
            "seconds_left": self.call.seconds_left(),
            "traceparent": current_traceparent(),
        }

    @rpc(permission="sample.call")
    def slow(self, seconds):
        eventlet.sleep(seconds)
        return "done"

    @rpc(permission="sample.call")
    def refuse(self):
        raise Refusal

    @rpc(permission="sample.call")
    def conflict(self):
        raise Conflict("already closed", field="state")

    @rpc(permission="sample.call")
    def break_down(self):
        raise ValueError("secret 13800138000")

    @rpc(permission="sample.call")
    def odd(self):
        return {1, 2}

    @rpc(permission="sample.call")
    def pid(self):
        return os.getpid()


def take(connection, handler, batch):
    fresh = inbox.fresh(connection, TABLES.inbox, handler, [delivery.message_id for delivery, _ in batch])
    for delivery, order in batch:
        attempt(delivery, order)
    rows = [
        {
            "handler": handler,
            "message_id": delivery.message_id,
            "key": order["key"],
            "number": order["number"],
            "batch": len(batch),
            "routing_key": delivery.routing_key,
            "attempt": delivery.attempt,
            "traceparent": current_traceparent(),
        }
        for delivery, order in batch
        if delivery.message_id in fresh
    ]
    if rows:
        connection.execute(sa.insert(effects), rows)


def attempt(delivery, order):
    wish = order.get("do")
    if wish:
        with engine.begin() as apart:
            apart.execute(sa.insert(attempts), {"message_id": delivery.message_id})
    if wish == "poison":
        raise KeyError("poison 13800138000")
    if wish == "retry" and delivery.attempt < order["until"]:
        raise NotYet("not yet")


class NotYet(Conflict):
    """Retryable, and not the database's absence."""

    code, retryable = "not_yet", True


def die_once():
    """Death by SIGKILL, the first time only: the database remembers."""
    with engine.begin() as connection:
        first = connection.execute(sa.text("UPDATE fate SET died = true WHERE NOT died")).rowcount
    if first:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    logs.configure("sample", settings.log_level)
    tracing.configure("sample")
    run_service(
        SampleService,
        settings,
        engine=engine,
        declare=lambda: topology.declare(settings.amqp_url, [OWNER], [COUNTS, ORDERS]),
        may=lambda actor, permission: actor.subject != "nobody" and permission == "sample.call",
    )
