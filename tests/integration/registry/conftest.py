"""A migrated database of the registry with a small synthetic county, and the registry's processes."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial

import pytest
import sqlalchemy as sa

from chassis.database import create_engine
from cli.county.make import write_county
from cli.county.plan import Bounds, CountyPlan, sizes
from services.registry import bootstrap
from tests.support.callers import DEVELOPER
from tests.support.eventually import eventually

BOX = Bounds(119.60, 29.00, 119.70, 29.08)


@pytest.fixture(scope="session")
def county_files(tmp_path_factory):
    """A county of about 3,000 residents: name to bytes, without the teams."""
    folder = tmp_path_factory.mktemp("county")
    write_county(CountyPlan(BOX, 1, name_zh="演示县", name_en="Demo County", people=3000, **sizes(3000)), folder)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "teams.csv"}


@pytest.fixture(scope="session")
def migrated_url(new_database):
    """A database as the stack makes it: owned by a plain role, PostGIS installed by the superuser."""
    url = new_database("registry", role="registry", extensions=["postgis"])
    bootstrap.migrate(url)
    return url


@pytest.fixture
def database_url(migrated_url):
    engine = create_engine(migrated_url, name="registry-tests", pool_size=1)
    # Not tree_state: a version of the tree never means two trees, also to a service that keeps running.
    tables = "grid_version, centre_version, post_version, outbox, inbox, idempotency, deadline"
    with engine.begin() as connection:
        connection.execute(sa.text(f"TRUNCATE {tables}"))
    engine.dispose()
    return migrated_url


@pytest.fixture
def engine(database_url):
    engine = create_engine(database_url, name="registry-tests", pool_size=4)
    yield engine
    engine.dispose()


@pytest.fixture
def take(database_url):
    """`take(files, partial=…, valid_from=…)`: import into the database; the report."""

    def taken(files, *, partial=False, valid_from=None):
        return bootstrap.import_files(database_url, files, partial_=partial, valid_from=valid_from)

    return taken


@pytest.fixture
def answers(engine):
    made = bootstrap.answers(engine)
    return replace(made, **{each.name: partial(getattr(made, each.name), DEVELOPER) for each in fields(made)})


def edited(files, code, *, geometry=None, **properties):
    """The files with one feature changed."""
    collection = json.loads(files["grids.geojson"])
    for feature in collection["features"]:
        if feature["properties"]["code"] == code:
            feature["properties"] |= properties
            feature["geometry"] = geometry or feature["geometry"]
    return files | {"grids.geojson": json.dumps(collection).encode()}


@pytest.fixture
def edit():
    return edited


@pytest.fixture(scope="session")
def process(migrated_url):
    """`with process("service", amqp_url) as running`: one process of the registry, ready."""

    @contextmanager
    def run(entrypoint, amqp_url):
        port = free_port()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WANGGE_")}
        environment |= {"DATABASE_URL": migrated_url, "AMQP_URL": amqp_url, "WANGGE_HEALTH_PORT": str(port)}
        running = subprocess.Popen(
            [sys.executable, "-m", f"services.registry.entrypoints.{entrypoint}"], env=environment
        )
        try:
            eventually(lambda: ready(port) or running.poll() is not None, within=30, every=0.05)
            assert running.poll() is None
            yield running
        finally:
            running.kill()
            running.wait()

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
