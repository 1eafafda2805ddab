"""Pages by TLS: nothing in clear text, nothing old, and nobody waits for somebody else's handshake."""

import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from chassis.pages import PATIENCE_SECONDS, PageServer
from chassis.tls import KeyPair, Offer
from tests.support.authority import Authority, offered, outdated

ROOT = Path(__file__).parents[3]
# Ten of those below stall: one after the other they would take ten times the patience that each is met with.
WAITED_FOR_NOBODY = 4 * PATIENCE_SECONDS


def hello(_environ, start_response):
    start_response("200 OK", [("Content-Length", "6")])
    return [b"hello\n"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def port(authority):
    server = PageServer(0, hello, offer=Offer(KeyPair(str(authority.certificate), str(authority.key))))
    server.start()
    yield server.port
    server.stop()


def get(port, authority):
    with urllib.request.urlopen(f"https://127.0.0.1:{port}/", timeout=60, context=authority.client()) as answer:
        return answer.read()


def get_in_clear_text(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return answer.read()


def connected(port):
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def test_who_trusts_the_authority_is_answered(port, authority):
    assert get(port, authority) == b"hello\n"
    with connected(port) as plain, authority.client().wrap_socket(plain, server_hostname="127.0.0.1") as secured:
        assert secured.version() == "TLSv1.3"


def test_clear_text_is_not_answered(port, authority):
    with pytest.raises((urllib.error.URLError, OSError)):
        get_in_clear_text(port)
    assert get(port, authority) == b"hello\n"


def test_tls_1_1_is_refused_and_1_2_is_not(port, authority):
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old = outdated(authority)
    with connected(port) as plain, pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        old.wrap_socket(plain, server_hostname="127.0.0.1")
    second_best = authority.client()
    second_best.maximum_version = ssl.TLSVersion.TLSv1_2
    with connected(port) as plain, second_best.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
        assert secured.version() == "TLSv1.2"


def test_a_stranger_to_the_authority_does_not_stay(port, authority):
    with connected(port) as plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")
    assert get(port, authority) == b"hello\n"


def stalled(port, stack):
    """Somebody who connects and says nothing, somebody who begins a handshake, somebody who says what is none."""
    for begun in (b"", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n"):
        stack.enter_context(connected(port)).sendall(begun)


@contextmanager
def while_others_stall(port):
    """What is done meanwhile waits for none of them."""
    with ExitStack() as stack:
        for _ in range(5):
            stalled(port, stack)
        begun = time.monotonic()
        yield
        assert time.monotonic() - begun < WAITED_FOR_NOBODY


def test_a_handshake_that_stalls_delays_no_answer(port, authority):
    with while_others_stall(port):
        assert get(port, authority) == b"hello\n"


def test_who_says_nothing_is_let_go_after_a_while(port, monkeypatch):
    monkeypatch.setattr("chassis.pages.PATIENCE_SECONDS", 0.2)
    with connected(port) as plain:
        assert plain.recv(1) == b""


def test_broken_handshakes_write_nothing_about_anybody(port, authority, capfd):
    for words in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03", bytes(64)):
        with connected(port) as plain:
            plain.sendall(words)
    assert get(port, authority) == b"hello\n"
    assert capfd.readouterr().err == ""


def test_a_renewed_certificate_is_offered_from_the_next_handshake_on(port, authority):
    with connected(port) as plain, authority.client().wrap_socket(plain, server_hostname="127.0.0.1") as before:
        renewed = authority.renew()
        assert offered(port) == renewed
        before.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert before.recv(100).startswith(b"HTTP/1.0 200 OK")


PATCHED = """
import eventlet
eventlet.monkey_patch()
import sys
from chassis.pages import PATIENCE_SECONDS, PageServer
from chassis.tls import KeyPair, Offer

def hello(environ, start_response):
    start_response("200 OK", [("Content-Length", "6")])
    return [b"hello\\n"]

server = PageServer(0, hello, offer=Offer(KeyPair(*sys.argv[1:])))
server.start()
print(server.port, flush=True)
eventlet.sleep(60)
"""


@pytest.fixture
def patched_port(authority):
    """Of a monkey-patched process: handshakes are greenlets' there."""
    command = [sys.executable, "-W", "ignore", "-c", PATCHED, str(authority.certificate), str(authority.key)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield int(process.stdout.readline())
        process.kill()
        assert process.stderr.read() == b""


def test_a_monkey_patched_process_answers_renews_and_waits_for_nobody(patched_port, authority):
    with while_others_stall(patched_port):
        assert get(patched_port, authority) == b"hello\n"
        renewed = authority.renew()
        assert offered(patched_port) == renewed
    with pytest.raises((urllib.error.URLError, OSError)):
        get_in_clear_text(patched_port)
    assert get(patched_port, authority) == b"hello\n"
