import json
import os
import signal
import subprocess
import sys
import time
import uuid

import pika
import pytest
import shapely
import sqlalchemy as sa

from contracts import envelope
from tests.support.callers import header

pytestmark = pytest.mark.integration


class Caller:
    """Calls the registry as the gateway does: nameko's protocol, with a deadline."""

    def __init__(self, amqp_url):
        self._connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
        self._channel = self.new_channel()
        self._queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(self._queue, "nameko-rpc", self._queue)

    def __call__(self, method, **arguments):
        correlation = uuid.uuid4().hex
        properties = pika.BasicProperties(
            reply_to=self._queue, correlation_id=correlation, content_type="application/json",
            headers={"nameko.deadline": int((time.time() + 10) * 1000), **header("registry")},
        )  # fmt: skip
        body = json.dumps({"args": [], "kwargs": arguments}).encode()
        self._channel.basic_publish("nameko-rpc", f"registry.{method}", body, properties, mandatory=True)
        for _, answered, reply in self._channel.consume(self._queue, auto_ack=True, inactivity_timeout=10):
            assert answered is not None, f"no answer to {method}"
            if answered.correlation_id == correlation:
                return json.loads(reply)["result"]
        raise AssertionError

    def new_channel(self):
        return self._connection.channel()

    def close(self):
        self._connection.close()


@pytest.fixture(scope="module")
def broker(new_vhost):
    return new_vhost()


@pytest.fixture(scope="module")
def call(broker, process):
    """One service for all tests of the module; at the end it has to drain and leave."""
    with process("service", broker) as running:
        caller = Caller(broker)
        yield caller
        caller.close()
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0


def centre_of(files, code):
    feature = next(
        each for each in json.loads(files["grids.geojson"])["features"] if each["properties"]["code"] == code
    )
    return shapely.geometry.shape(feature["geometry"]).representative_point()


def test_the_service_answers_every_query_over_the_broker(call, take, county_files):
    take(county_files)
    micro = "99999900100100101"
    point = centre_of(county_files, micro)
    chain = call("locate", lat=point.y, lon=point.x)["result"]["chain"]
    assert [each["level"] for each in chain] == ["county", "town", "community", "grid", "micro_grid"]
    assert chain[-1]["code"] == micro
    assert call("get_grid", code=micro, at=None)["result"]["boundary"]["type"] == "Polygon"
    assert call("children", code="999999")["result"]["grids"][0]["code"] == "999999001"
    assert len(call("history", code=micro)["result"]["grids"]) == 1
    assert call("list_centres", prefix="")["result"]["centres"][0]["kind"] == "county"
    assert call("list_posts", grid_code=micro[:15])["result"]["posts"]
    assert call("tree", depth=1)["result"]["grids"][0]["code"] == "999999"


@pytest.mark.parametrize(
    ("method", "arguments", "code", "status", "field"),
    [
        ("get_grid", {"code": "999998"}, "unknown_grid", 404, "code"),
        ("get_grid", {"code": "x"}, "code_shape", 422, "code"),
        ("get_grid", {"code": 5}, "invalid_input", 422, "code"),
        ("get_grid", {"code": "999999", "at": "yesterday"}, "invalid_input", 422, "at"),
        ("locate", {"lat": 0, "lon": 0}, "outside_county", 404, "lat"),
        ("locate", {"lat": "0", "lon": 0}, "invalid_input", 422, "lat"),
        ("locate", {"lat": 0, "lon": 200}, "position_range", 422, "lon"),
        ("tree", {"depth": 9}, "depth_range", 422, "depth"),
        ("tree", {"depth": "1"}, "invalid_input", 422, "depth"),
        ("list_centres", {"prefix": "%"}, "prefix_shape", 422, "prefix"),
        ("history", {}, "wrong_arguments", 400, None),
        ("burn", {}, "unknown_method", 501, None),
    ],
)
def test_a_refusal_arrives_as_a_problem_with_its_code_and_field(call, method, arguments, code, status, field):
    problem = call(method, **arguments)["problem"]
    assert (problem["code"], problem["status"], problem.get("field")) == (code, status, field)


def test_the_service_sees_an_import_that_another_process_made(call, take, county_files, edit):
    take(county_files)
    assert call("get_grid", code="999999")["result"]["version"] == 1
    take(edit(county_files, "999999", name_zh="新演示县"))
    assert call("get_grid", code="999999")["result"]["name_zh"] == "新演示县"


def test_the_sidecar_publishes_every_change_in_order_and_empties_the_outbox(
    broker, call, process, take, county_files, engine, eventually
):
    channel = call.new_channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, "registry.events", "wangge.registry.#")
    report = take(county_files)
    with process("sidecar", broker) as sidecar:
        received = []
        for _, properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=10):
            assert properties is not None, f"{len(received)} of {report.events} events arrived"
            received.append(envelope.load(body))
            if len(received) == report.events:
                break
        eventually(lambda: outbox_rows(engine) == 0)
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(20) == 0
    grids = [event.subject for event in received if ".grid." in event.type]
    assert [len(code) for code in grids] == sorted(len(code) for code in grids)
    assert len({event.id for event in received}) == report.events


def outbox_rows(engine):
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT count(*) FROM outbox")).scalar_one()


def test_the_import_command_reports_faults_as_json_and_changes_nothing(
    database_url, county_files, edit, engine, tmp_path
):
    for name, body in edit(county_files, "99999900100100101", level="grid").items():
        (tmp_path / name).write_bytes(body)
    done = admin(database_url, "import", str(tmp_path), "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["applied"], report["errors_total"]) == (1, False, 1)
    assert report["errors"][0] == {
        "file": "grids.geojson", "row": 5, "field": "level", "rule": "level_matches_code", "code": "99999900100100101",
        "message_zh": "层级与编码位数不符，按位数应为 micro_grid",
        "message_en": "a code of 17 digits is a micro_grid, not a grid",
    }  # fmt: skip
    partial = admin(database_url, "import", str(tmp_path), "--partial")
    assert partial.returncode == 0
    assert "grids.geojson:5 [level] level_matches_code" in partial.stdout


def test_a_command_without_a_database_says_so_and_exits_with_78():
    done = admin("", "migrate")
    assert done.returncode == 78
    assert "DATABASE_URL: missing" in done.stderr


def test_a_folder_without_files_is_wrong_use(database_url, tmp_path):
    assert admin(database_url, "import", str(tmp_path)).returncode == 2


def admin(database_url, *arguments):
    command = [sys.executable, "-m", "services.registry.entrypoints.admin", *arguments]
    environment = os.environ | {"DATABASE_URL": database_url}
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)
