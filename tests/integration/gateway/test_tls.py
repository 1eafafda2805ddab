"""The gateway's own port with TLS: nothing in clear text, a renewed certificate without a new start."""

from __future__ import annotations

import datetime as dt
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from chassis.settings import EX_CONFIG, SettingsError, load
from gateway.settings import GatewaySettings
from tests.integration.gateway.responder import Responder
from tests.integration.gateway.running import ROOT, GatewayProcess
from tests.support.authority import Authority, offered, outdated

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secured(
    vhost: str, dispatch: Responder, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    told = {**authority.settings, "AUTHORITY": str(authority.trusted)}
    with GatewayProcess(vhost, tmp_path_factory.mktemp("log") / "gateway.log", **told) as process:
        yield process


def test_calls_and_the_live_stream_go_through_it(secured: GatewayProcess) -> None:
    with secured.client() as client:
        assert client.get("/v1/incidents").status_code == 200
        with client.stream("GET", "/v1/stream") as stream:
            assert stream.status_code == 200
            assert next(stream.iter_text())


def test_clear_text_and_old_protocols_are_not_spoken(secured: GatewayProcess, authority: Authority) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{secured.port}/live", timeout=5)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old = outdated(authority)
    with socket.create_connection(("127.0.0.1", secured.port)) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname="127.0.0.1")


def test_a_renewed_certificate_is_offered_and_open_connections_go_on(
    secured: GatewayProcess, authority: Authority
) -> None:
    with secured.client() as client:
        assert client.get("/live").status_code == 200
        assert offered(secured.port) == authority.serial
        renewed = authority.renew()
        assert offered(secured.port) == offered(secured.port, "gateway.wangge.svc") == renewed
        assert client.get("/live").status_code == 200
        ends = next(
            line for line in client.get("/metrics").text.splitlines() if line.startswith("wangge_certificate_ends")
        )
    assert float(ends.split()[1]) > dt.datetime.now(dt.UTC).timestamp()


def test_half_of_a_new_pair_leaves_the_old_one_in_place(
    secured: GatewayProcess, authority: Authority, eventually: Callable[..., object]
) -> None:
    kept, whole = authority.serial, authority.key.read_bytes()
    authority.key.write_bytes(b"nothing of the kind")
    assert offered(secured.port) == offered(secured.port) == kept
    eventually(lambda: secured.log.read_text().count("certificate cannot be taken up") == 1, within=15)
    authority.key.write_bytes(whole)


@pytest.mark.parametrize("missing", ["WANGGE_TLS_KEY", "WANGGE_TLS_CERTIFICATE"])
def test_one_without_the_other_is_refused_at_start(missing: str, authority: Authority) -> None:
    with pytest.raises(SettingsError, match=f"{missing}: missing: one goes with the other"):
        load(GatewaySettings, {"AMQP_URL": "amqp://x/", "WANGGE_TOKEN": "t", **authority.settings, missing: ""})


def test_what_is_no_certificate_is_refused_at_start(tmp_path: Path, authority: Authority) -> None:
    bad = tmp_path / "tls.crt"
    bad.write_text("nothing", encoding="utf-8")
    told = {"AMQP_URL": "amqp://x/", "WANGGE_TOKEN": "t", "WANGGE_HTTP_PORT": "0"}
    pair = {"WANGGE_TLS_CERTIFICATE": str(bad), "WANGGE_TLS_KEY": str(authority.key)}
    done = subprocess.run(
        [sys.executable, "-m", "gateway"], env={**os.environ, **told, **pair}, cwd=ROOT, capture_output=True,
        timeout=60, check=False, text=True,
    )  # fmt: skip
    assert (done.returncode, "cannot be used" in done.stderr) == (EX_CONFIG, True)
