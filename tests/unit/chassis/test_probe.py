"""What a container's health check asks: the page of the process beside it, and a plain yes or no."""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.health import Check, HealthServer
from chassis.probe import answers
from chassis.tls import KeyPair, Offer
from tests.support.authority import Authority

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-S", "-P", "chassis/probe.py", "/ready"]


@pytest.mark.parametrize("ok", [True, False])
def test_a_page_answers_as_the_process_says(*, ok: bool) -> None:
    server = HealthServer(0, lambda: [Check("broker", ok)])
    server.start()
    try:
        assert answers("/ready", server.port) is ok
        assert answers("/live", server.port)
        assert not answers("/nothing", server.port)
    finally:
        server.stop()
    assert not answers("/live", server.port)


def test_a_container_that_was_given_no_port_is_told_so() -> None:
    environ = {k: v for k, v in os.environ.items() if k not in {"WANGGE_HEALTH_PORT", "WANGGE_HTTP_PORT"}}
    done = subprocess.run(COMMAND, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "WANGGE_HEALTH_PORT" in done.stderr


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secured(authority: Authority) -> Iterator[HealthServer]:
    offer = Offer(KeyPair(str(authority.certificate), str(authority.key)))
    server = HealthServer(0, lambda: [Check("broker", ok=True)], offer=offer)
    server.start()
    yield server
    server.stop()


def asked(server: HealthServer, **told: str) -> int:
    """Exit status of the probe as a container starts it, without site packages."""
    environ = {**told, "WANGGE_HEALTH_PORT": str(server.port)}
    return subprocess.run(COMMAND, cwd=ROOT, env=environ, check=False, capture_output=True).returncode


def test_a_process_that_speaks_tls_is_asked_by_tls(secured: HealthServer, authority: Authority) -> None:
    assert asked(secured, **authority.settings) == 0
    assert asked(secured) == 1


def test_a_process_that_shows_another_certificate_is_not_believed(
    secured: HealthServer, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "else").mkdir()
    somebody = Authority(tmp_path / "else")
    assert asked(secured, **somebody.settings) == 1
    assert asked(secured, **authority.settings, SSL_CERT_FILE=str(somebody.trusted)) == 0


def test_while_a_renewed_file_cannot_be_taken_up_the_old_one_is_known_by_its_authority(
    secured: HealthServer, authority: Authority
) -> None:
    authority.renew()
    authority.key.write_bytes(b"nothing of the kind")
    told = authority.settings
    assert asked(secured, **told) == 1
    assert asked(secured, **told, SSL_CERT_FILE=str(authority.trusted)) == 0


def test_a_certificate_that_has_ended_or_cannot_be_read_is_no_yes(secured: HealthServer, authority: Authority) -> None:
    authority.renew(ends=-dt.timedelta(hours=1))
    assert asked(secured, **authority.settings) == 1
    assert asked(secured, **authority.settings, SSL_CERT_FILE=str(authority.trusted)) == 1
    assert asked(secured, WANGGE_TLS_CERTIFICATE="/nowhere") == 1
