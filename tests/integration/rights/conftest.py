"""A whole house of two towns: gateway, dispatch and registry as processes, and callers of every role in one town."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from chassis import settings as chassis_settings
from chassis.database import create_engine
from chassis.vault import DEVELOPMENT_MASTER_KEY
from cli.county.make import write_county
from cli.county.plan import Bounds, CountyPlan
from services.dispatch import bootstrap as dispatch_bootstrap
from services.dispatch.settings import Settings
from services.registry import bootstrap as registry_bootstrap
from tests.integration.dispatch.conftest import free_port, ready
from tests.integration.gateway.running import GatewayProcess
from tests.integration.rights.county import County
from tests.support.eventually import eventually

QUIET = {"WANGGE_LOG_LEVEL": "warning"}


@pytest.fixture(scope="module")
def dispatch_url(new_database):
    url = new_database("dispatch", role="dispatch")
    dispatch_bootstrap.migrate(url)
    return url


@pytest.fixture(scope="module")
def registry_url(new_database, tmp_path_factory):
    url = new_database("registry", role="registry", extensions=["postgis"])
    registry_bootstrap.migrate(url)
    folder = tmp_path_factory.mktemp("county")
    counts = {"towns": 2, "communities": 2, "grids": 4, "micro_grids": 8}
    write_county(
        CountyPlan(Bounds(119.0, 29.0, 120.0, 30.0), 1, 1200, **counts, name_zh="演示县", name_en="Demo"), folder
    )
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "teams.csv"}
    assert registry_bootstrap.import_files(url, files, partial_=False).applied
    return url


@pytest.fixture(scope="module")
def county(dispatch_url) -> Iterator[County]:
    """Dispatch's own part of the house, and what is put into it."""
    told = {
        "DATABASE_URL": dispatch_url, "AMQP_URL": "amqp://nobody@127.0.0.1:1/", "WANGGE_HEALTH_PORT": "0",
        "WANGGE_MASTER_KEY": DEVELOPMENT_MASTER_KEY,
    }  # fmt: skip
    engine = create_engine(dispatch_url, name="rights-tests", pool_size=4)
    yield County(dispatch_bootstrap.build(chassis_settings.load(Settings, told), engine), engine)
    engine.dispose()


@pytest.fixture(scope="module")
def house(new_vhost, new_database, dispatch_url, registry_url, county, tmp_path_factory) -> Iterator[GatewayProcess]:
    """The gateway of the house, ready; the services run as roles that own no table."""
    broker, logs = new_vhost(), tmp_path_factory.mktemp("logs")
    with ExitStack() as stack:
        for name, url in (("dispatch", dispatch_url), ("registry", registry_url)):
            told = {
                "DATABASE_URL": new_database.as_service(url),
                "AMQP_URL": broker,
                "WANGGE_MASTER_KEY": DEVELOPMENT_MASTER_KEY,
            }
            stack.enter_context(service(name, told, logs))
        told = {**QUIET, "WANGGE_RATE_LIMITS": "off"}
        module = "tests.integration.rights.gateway_of_anybody"
        yield stack.enter_context(GatewayProcess(broker, logs / "gateway.log", module, **told))


@pytest.fixture(scope="module")
def http(house) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=house.url, timeout=30) as client:
        yield client


@contextmanager
def service(name: str, told: dict[str, str], logs: Path) -> Iterator[None]:
    """One service as a process while the block lasts."""
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANGGE_")}
    with (logs / f"{name}.log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", f"services.{name}.entrypoints.service"], stdout=log, stderr=log,
            env={**environment, **told, **QUIET, "WANGGE_HEALTH_PORT": str(port)},
        )  # fmt: skip
    try:
        eventually(lambda: ready(port) or running.poll() is not None, within=30, every=0.05)
        assert running.poll() is None, (logs / f"{name}.log").read_text()
        yield
    finally:
        running.terminate()
        running.wait(25)
