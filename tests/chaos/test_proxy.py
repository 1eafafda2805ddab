"""The fault proxy does what its modes are called."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from cli.stack import ports
from tests.chaos.proxy import LINGER_ZERO, FaultProxy
from tests.support.eventually import eventually


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """A proxy before a server that says everything back."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        target = server.getsockname()[1]
        proxy = FaultProxy("test", ports.choose(["proxy"], seed="test-proxy")["proxy"], target)
        proxy.start()
        yield proxy
        proxy.stop()


def serve(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()


def echo(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        while data := connection.recv(4096):
            connection.sendall(data)


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.settimeout(2)
        assert said_back(client, b"hello") == b"hello"
        yield client


def said_back(client: socket.socket, words: bytes, within: float = 2.0) -> bytes:
    client.settimeout(within)
    client.sendall(words)
    return client.recv(4096)


def test_a_reset_is_seen_by_the_client_and_forgotten_by_the_proxy(proxy: FaultProxy, client: socket.socket) -> None:
    assert proxy.reset_all() == 1
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    eventually(lambda: not proxy.pairs)


def test_a_reset_of_the_server_reaches_the_client() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = ports.choose(["proxy"], seed="test-proxy-reset")["proxy"]
        proxy = FaultProxy("test", port, server.getsockname()[1])
        proxy.start()
        try:
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.settimeout(2)
                accepted, _ = server.accept()
                client.sendall(b"x")
                assert accepted.recv(1) == b"x"
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
                accepted.close()
                with pytest.raises(ConnectionResetError):
                    client.recv(1)
        finally:
            proxy.stop()


def test_what_was_stalled_comes_when_the_stall_ends(proxy: FaultProxy, client: socket.socket) -> None:
    proxy.set("stall")
    with pytest.raises(TimeoutError):
        said_back(client, b"late", within=0.2)
    proxy.set("pass")
    client.settimeout(2)
    assert client.recv(4096) == b"late"


@pytest.mark.parametrize("mode", ["half-open-to-server", "half-open-to-client"])
def test_a_connection_that_lost_bytes_is_reset_when_it_is_mended(
    proxy: FaultProxy, client: socket.socket, mode: str
) -> None:
    proxy.set(mode)
    with pytest.raises(TimeoutError):
        said_back(client, b"lost", within=0.2)
    proxy.set("pass")
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_refusal_cuts_what_is_there_and_lets_nobody_in(proxy: FaultProxy, client: socket.socket) -> None:
    proxy.set("refuse")
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises((ConnectionError, AssertionError)), socket.create_connection(("127.0.0.1", proxy.port)) as late:
        assert said_back(late, b"hello") == b"hello"
