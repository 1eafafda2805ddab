"""A migrated database of dispatch with a small county, its use cases, and its processes."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from chassis import settings as chassis_settings
from chassis.database import create_engine
from chassis.ids import uuid7
from chassis.vault import DEVELOPMENT_MASTER_KEY
from services.dispatch import bootstrap
from services.dispatch.settings import Settings
from tests.integration.dispatch.county import DEV, IN_WEST, STATION, call_for_help, command, fill_county


@pytest.fixture(scope="session")
def migrated_url(new_database):
    """A database as the stack makes it: owned by a plain role."""
    url = new_database("dispatch", role="dispatch")
    bootstrap.migrate(url)
    return url


@pytest.fixture
def settings_of():
    """`settings_of(database_url, amqp_url)`: settings as the environment would give them."""

    def made(database_url, amqp_url="amqp://nobody@127.0.0.1:1/", **more):
        environment = {
            "DATABASE_URL": database_url, "AMQP_URL": amqp_url, "WANGGE_MASTER_KEY": DEVELOPMENT_MASTER_KEY,
            "WANGGE_HEALTH_PORT": "0", **more,
        }  # fmt: skip
        return chassis_settings.load(Settings, environment)

    return made


@pytest.fixture
def database_url(migrated_url):
    """The migrated database, emptied, with the county in it."""
    engine = create_engine(migrated_url, name="dispatch-tests", pool_size=1)
    with engine.begin() as connection:
        # TRUNCATE fires the trigger that keeps the timeline append-only; its owner may switch it off for a test.
        connection.execute(sa.text("ALTER TABLE timeline DISABLE TRIGGER timeline_append_only"))
        connection.execute(sa.text("ALTER TABLE denial DISABLE TRIGGER denial_append_only"))
        connection.execute(sa.text(
            "TRUNCATE incident, assignment, timeline, breach, contact, team, grid_node, centre, post, outbox, inbox,"
            " idempotency, deadline, denial"
        ))  # fmt: skip
        connection.execute(sa.text("ALTER TABLE timeline ENABLE TRIGGER timeline_append_only"))
        connection.execute(sa.text("ALTER TABLE denial ENABLE TRIGGER denial_append_only"))
        connection.execute(
            sa.text("DELETE FROM sla_policy WHERE policy_id NOT IN ('115', 'hazard', 'demand', 'whistle')")
        )
    engine.dispose()
    return migrated_url


@pytest.fixture
def engine(database_url):
    engine = create_engine(database_url, name="dispatch-tests", pool_size=12)
    yield engine
    engine.dispose()


@pytest.fixture
def dispatch(engine, database_url, settings_of):
    """The use cases on the test's database, the county known."""
    built = bootstrap.build(settings_of(database_url), engine)
    built.transactions(fill_county)
    return built


@pytest.fixture
def rows(engine):
    """`rows(sql, **parameters)`: what the database holds."""

    def found(statement, **parameters):
        with engine.connect() as connection:
            return connection.execute(sa.text(statement), parameters).all()

    return found


@pytest.fixture
def do(dispatch):
    """`do("incident.push", incident=…, data=…)`: one command's answer, as result or problem."""

    def done(name, *, by=DEV, **envelope):
        answer = dispatch.execute([command(name, **envelope)], by)[0]
        return answer["result"] if answer["ok"] else answer["problem"]

    return done


@pytest.fixture
def incident(do):
    """`incident(**data)`: the id of a new incident."""

    def made(occurred_at=None, **data):
        return do("incident.create", data=call_for_help(**data), occurred_at=occurred_at)["incident_id"]

    return made


@pytest.fixture
def team(do):
    """`team(call_sign)`: the id of a new team of the station, able to take medical calls, in the west."""

    def made(call_sign=None, **data):
        told = {
            "call_sign": call_sign or f"E-{uuid7().hex[-8:]}", "name_zh": "演示组", "kind": "medical",
            "centre_code": STATION, "skills": ["medical"], "base": IN_WEST,
            "members": [{"role": "lead", "reference": "p-0001"}], **data,
        }  # fmt: skip
        return do("team.create", data=told)["team_id"]

    return made


@pytest.fixture
def long_ago():
    """A moment whose stamps are backfill."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)


@pytest.fixture
def policy(engine):
    """`policy("quick", push=2, …)`: a policy with targets in seconds, chosen for incidents of category `other`."""

    def made(policy_id="quick", answer_seconds=None, **targets):
        rules = {"match": [{"categories": ["other"]}], "targets": targets}
        if answer_seconds is not None:
            rules["answer_seconds"] = answer_seconds
        statement = sa.text(
            "INSERT INTO sla_policy VALUES (:id, 1, CAST(:rules AS jsonb), '1970-01-01T00:00:00Z')"
        ).bindparams(sa.bindparam("rules", type_=sa.JSON))
        with engine.begin() as connection:
            connection.execute(statement, {"id": policy_id, "rules": rules})

    return made


@pytest.fixture
def process(database_url, eventually):
    """`with process("service", amqp_url) as running`: one process of dispatch, ready."""

    @contextmanager
    def run(entrypoint, amqp_url, **more):
        port = free_port()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WANGGE_")}
        environment |= {
            "DATABASE_URL": database_url, "AMQP_URL": amqp_url, "WANGGE_HEALTH_PORT": str(port),
            "WANGGE_MASTER_KEY": DEVELOPMENT_MASTER_KEY, "WANGGE_LOG_LEVEL": "warning", **more,
        }  # fmt: skip
        running = subprocess.Popen(
            [sys.executable, "-m", f"services.dispatch.entrypoints.{entrypoint}"], env=environment
        )
        try:
            eventually(lambda: ready(port) or running.poll() is not None, within=30, every=0.05)
            assert running.poll() is None
            yield running
        finally:
            running.terminate()
            running.wait(25)

    return run


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False
