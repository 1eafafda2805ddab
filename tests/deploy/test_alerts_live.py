"""A real Prometheus beside a real sidecar: all is quiet, then the sidecar is stopped, and the alerts come."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.stack import ports
from deploy.observability.dashboards import DASHBOARDS
from deploy.observability.pictures import draw
from services.registry import bootstrap
from tests.deploy.prometheus import firing, values, watching
from tests.support.databases import DatabaseFactory
from tests.support.vhosts import VhostFactory

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180), pytest.mark.alone]
Eventually = Callable[..., object]


@pytest.fixture
def sidecar(
    new_database: DatabaseFactory, new_vhost: VhostFactory, tmp_path: Path
) -> Iterator[tuple[int, subprocess.Popen]]:
    """The registry's sidecar as a process, and the port of its figures."""
    url, broker = new_database("registry", role="registry", extensions=["postgis"]), new_vhost()
    bootstrap.migrate(url)
    bootstrap.declare(broker)
    port = ports.choose(["sidecar"], seed=str(tmp_path))["sidecar"]
    environ = {**os.environ, "DATABASE_URL": url, "AMQP_URL": broker, "WANGGE_HEALTH_PORT": str(port)}
    command = [sys.executable, "-W", "ignore", "-m", "services.registry.entrypoints.sidecar"]
    with (tmp_path / "sidecar.log").open("wb") as log, subprocess.Popen(command, env=environ, stderr=log) as process:
        try:
            yield port, process
        finally:
            process.kill()


def test_a_stopped_sidecar_is_told_within_a_minute(
    sidecar: tuple[int, subprocess.Popen], tmp_path: Path, eventually: Eventually
) -> None:
    port, process = sidecar
    with watching(tmp_path, {"registry-sidecar": port}) as prometheus:
        eventually(lambda: values(prometheus, 'wangge_relay_connected{job="registry-sidecar"}') == [1.0], within=60)
        assert {alert for alert, job in firing(prometheus) if job == "registry-sidecar"} == set()
        assert values(prometheus, 'up{job="registry-sidecar"}') == [1.0]
        for panel in (panel for dashboard in DASHBOARDS for panel in dashboard.panels):
            for query in panel.queries.values():
                values(prometheus, query.replace("$__rate_interval", "1m"))  # ValueError if Prometheus cannot read it
        assert values(prometheus, DASHBOARDS[1].panels[0].queries["{{job}}"]) == [1.0]
        found = draw(prometheus, 1, tmp_path)
        assert found[DASHBOARDS[1].panels[0].title]
        assert f">{DASHBOARDS[1].title}<" in (tmp_path / f"{DASHBOARDS[1].uid}.svg").read_text(encoding="utf-8")
        process.terminate()
        eventually(lambda: values(prometheus, 'up{job="registry-sidecar"}') == [0.0], within=30)
        eventually(lambda: ("SidecarAway", "registry-sidecar") in firing(prometheus), within=60)
