import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import orjson
import pytest

from chassis.health import Check, HealthServer, Heartbeat

ROOT = Path(__file__).parents[3]


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read()


@pytest.fixture
def serve():
    started = []

    def start(ready, **options):
        server = HealthServer(0, ready, **options)
        server.start()
        started.append(server)
        return server.port

    yield start
    for server in started:
        server.stop()


def test_readiness_lists_what_is_missing(serve):
    port = serve(
        lambda: [Check("database", ok=True), Check("broker", ok=False, detail="amqp://a:opensesame@h refused")]
    )
    status, body = get(port, "/ready")
    assert status == 503
    assert orjson.loads(body) == {
        "ready": False,
        "checks": [
            {"name": "database", "ok": True, "detail": ""},
            {"name": "broker", "ok": False, "detail": "amqp://a:***@h refused"},
        ],
    }


def test_ready_when_every_check_is(serve):
    assert get(serve(lambda: [Check("database", ok=True)]), "/ready")[0] == 200


def test_a_check_that_raises_is_not_ready_and_does_not_break_liveness(serve):
    def broken():
        raise ConnectionError("refused")

    port = serve(broken)
    assert get(port, "/ready")[0] == 503
    assert get(port, "/live") == (200, b'{"alive":true}')


def test_liveness_follows_the_heartbeat_alone(serve):
    heart = Heartbeat(limit_seconds=0.0)
    assert get(serve(list, alive=heart.alive), "/live")[0] == 503
    heart = Heartbeat(limit_seconds=60.0)
    heart.beat()
    assert get(serve(lambda: [Check("database", ok=False)], alive=heart.alive), "/live")[0] == 200


def test_metrics_are_served(serve):
    status, body = get(serve(list), "/metrics")
    assert status == 200
    assert b"wangge_outbox_depth_messages" in body


def test_other_pages_are_not_found(serve):
    assert get(serve(list), "/etc")[0] == 404


def test_a_stopped_server_frees_its_port(serve):
    server = HealthServer(0, list)
    server.start()
    port = server.port
    server.stop()
    again = HealthServer(port, list)
    again.start()
    again.stop()


def test_it_answers_in_a_monkey_patched_process():
    program = """
import eventlet
eventlet.monkey_patch()
import urllib.request
from chassis.health import Check, HealthServer
server = HealthServer(0, lambda: [Check("x", True)])
server.start()
print(urllib.request.urlopen(f"http://127.0.0.1:{server.port}/ready", timeout=5).read().decode())
server.stop()
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert '"ready":true' in done.stdout
