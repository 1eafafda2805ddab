"""The sidecar of the sample service: the relay, started as a process by the tests of this folder."""

from dataclasses import dataclass

import sqlalchemy as sa

from chassis import logs
from chassis.cleaner import chassis_cleaners
from chassis.database import chassis_tables, create_engine
from chassis.own_port import OwnPortSettings
from chassis.relay import Relay
from chassis.settings import env, integer, load_or_exit
from chassis.sidecar import run_sidecar


@dataclass(frozen=True)
class Settings(OwnPortSettings):
    amqp_url: str = env("AMQP_URL", secret=True)
    database_url: str = env("DATABASE_URL", secret=True)
    health_host: str = env("WANGGE_HEALTH_HOST", default="127.0.0.1")
    health_port: int = env("WANGGE_HEALTH_PORT", parse=integer(0, 65535))
    relay_port: int = env("WANGGE_RELAY_PORT", default=0, parse=integer(0, 65535))


if __name__ == "__main__":
    settings = load_or_exit(Settings)
    logs.configure("sample", settings.log_level)
    engine = create_engine(settings.database_url, name="sample sidecar")
    tables = chassis_tables(sa.MetaData())
    relay = Relay(engine, tables.outbox, settings.amqp_url, "sample", port=settings.relay_port)
    run_sidecar(settings, engine=engine, relay=relay, cleaners=chassis_cleaners(engine, tables))
