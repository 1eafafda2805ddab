"""Service and sidecar as processes: calls, commands over AMQP, the registry's events, the way out through the relay."""

import json
import time
import uuid
from datetime import UTC, datetime

import pika
import pytest

from contracts import answers as contract
from contracts import envelope, names
from services.dispatch import bootstrap
from tests.integration.dispatch.county import (
    COMMUNITY,
    COUNTY,
    GRID,
    IN_WEST,
    LEVELS,
    STATION,
    TOWN,
    WEST,
    box,
    call_for_help,
    command,
)
from tests.support.callers import header
from tests.support.eventually import eventually as wait_until

pytestmark = pytest.mark.integration
CENTRE = {
    "code": STATION, "name_zh": "演示站", "name_en": None, "kind": "community_station", "grid_code": COMMUNITY,
    "lat": 29.5, "lon": 119.5, "always_open": True, "hours": None, "version": 1, "retired": False,
}  # fmt: skip


class Peer:
    """Another party on the broker: calls as the gateway does, publishes, and reads queues."""

    def __init__(self, amqp_url):
        self.connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue

    def call(self, method, **arguments):
        self.channel.queue_bind(self.queue, "nameko-rpc", self.queue)
        headers = {"nameko.deadline": int((time.time() + 10) * 1000), **header("dispatch")}
        body = json.dumps({"args": [], "kwargs": arguments}).encode()
        self.send("nameko-rpc", f"dispatch.{method}", body, reply_to=self.queue, headers=headers)
        return self.answer()["result"]

    def send(self, exchange, routing_key, body, **properties):
        told = pika.BasicProperties(
            message_id=str(uuid.uuid4()), correlation_id=uuid.uuid4().hex, delivery_mode=2, **properties
        )
        self.channel.basic_publish(exchange, routing_key, body, told, mandatory=True)
        return told.correlation_id

    def answer(self, within=10):
        """The next message, one at a time: a consumer is handed more than one and drops the others when it ends."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            method, properties, body = self.channel.basic_get(self.queue, auto_ack=True)
            if method is not None:
                return {**json.loads(body), "correlation_id": properties.correlation_id}
            self.connection.process_data_events(0.02)
        raise AssertionError("no answer")

    def depth(self, queue):
        return self.channel.queue_declare(queue, passive=True).method.message_count

    def close(self):
        self.connection.close()


@pytest.fixture(scope="module")
def broker(new_vhost):
    return new_vhost()


@pytest.fixture
def peer(broker):
    peer = Peer(broker)
    yield peer
    peer.close()


@pytest.fixture
def service(broker, process, dispatch):
    with process("service", broker) as running:
        yield running


@pytest.fixture
def sidecar(broker, process):
    with process("sidecar", broker) as running:
        yield running


def registry_event(aggregate, subject, data, version=1):
    now = datetime.now(UTC)
    event = envelope.CloudEvent(
        id=uuid.uuid4(), source="/registry", type=names.registry_event(aggregate), subject=subject, time=now,
        recordedat=now, sequence=version, data=data,
    )  # fmt: skip
    return envelope.dump(event)


def grid(code, version=1, boundary=None, **more):
    parent = next((code[:length] for length in sorted(LEVELS, reverse=True) if length < len(code)), None)
    told = {
        "code": code, "version": version, "parent_code": parent, "level": LEVELS[len(code)], "kind": None,
        "name_zh": "演示", "name_en": None, "boundary": boundary, "valid_from": "2026-01-01T00:00:00.000000Z",
        "valid_to": None, "retired": False,
    }  # fmt: skip
    return {**told, **more}


def test_a_call_is_answered_with_a_result_or_a_typed_problem(service, peer):
    create = command("incident.create", data=call_for_help("n-rpc", push=True))
    answers = peer.call("execute", commands=[create, command("incident.push", incident="police110:nobody")])["result"][
        "answers"
    ]
    assert [answer["ok"] for answer in answers] == [True, False]
    incident_id = answers[0]["result"]["incident_id"]
    view = peer.call("get_incident", incident="police110:n-rpc", include=["timeline"])["result"]
    contract.dump_answer("dispatch.get_incident", view)
    assert (view["incident_id"], view["state"], len(view["timeline"])) == (incident_id, "pushed", 2)
    assert peer.call("get_incident", incident="police110:nobody")["problem"]["code"] == "unknown_incident"


def test_every_query_answers_as_its_contract_says(service, peer, team):
    team("E50")
    made = peer.call("execute", commands=[command("incident.create", data=call_for_help("n-q", push=True))])
    incident = made["result"]["answers"][0]["result"]["incident_id"]
    asked = {
        "list_incidents": {"open": True, "prefix": COUNTY, "team": "E50"},
        "recommend": {"incident": incident},
        "likely_duplicates": {"draft": {"category": "medical", "location": IN_WEST}},
        "sla_report": {"by": "hour", "exercise": "include"},
        "sla_breaches": {"limit": 10},
        "get_team": {"team": "E50"},
        "get_teams": {"teams": []},
        "list_teams": {"available": True},
        "list_centres": {},
        "board": {},
        "get_policies": {},
    }
    for method, arguments in asked.items():
        reply = peer.call(method, **arguments)
        assert "problem" not in reply, (method, reply)
        contract.dump_answer(f"dispatch.{method}", reply["result"])
    found = peer.call("likely_duplicates", **asked["likely_duplicates"])["result"]["likely_duplicates"]
    assert [each["incident_id"] for each in found] == [incident]


def test_a_command_over_amqp_is_executed_and_answered_where_its_sender_said(service, sidecar, peer, rows):
    create = command("incident.create", data=call_for_help("n-amqp"))
    sent = peer.send("dispatch.commands", "incident.create", json.dumps(create).encode(), reply_to=peer.queue)
    answer = peer.answer()
    assert (answer["ok"], answer["status"], answer["correlation_id"]) == (True, 201, sent)
    again = peer.send("dispatch.commands", "incident.create", json.dumps(create).encode(), reply_to=peer.queue)
    repeated = peer.answer()
    assert (repeated["replayed"], repeated["result"], repeated["correlation_id"]) == (True, answer["result"], again)
    assert rows("SELECT reference_number FROM incident") == [("n-amqp",)]


def test_a_refused_command_is_answered_and_only_what_cannot_be_read_is_dead_lettered(
    service, sidecar, peer, rows, eventually
):
    dead = "dispatch.commands.dead"
    before = peer.depth(dead)
    push = command("incident.push", incident="police110:nobody")
    peer.send("dispatch.commands", "incident.push", json.dumps(push).encode(), reply_to=peer.queue)
    assert peer.answer()["problem"]["code"] == "unknown_incident"
    misspelt = {**push, "key": "misspelt", "nonsense": 1}
    peer.send("dispatch.commands", "incident.push", json.dumps(misspelt).encode(), reply_to=peer.queue)
    assert peer.answer()["problem"]["code"] == "unknown_field"
    assert peer.depth(dead) == before
    peer.send("dispatch.commands", "incident.create", b"\xff not json")
    good = command("incident.create", data=call_for_help("n-good"))
    peer.send("dispatch.commands", "incident.create", json.dumps(good).encode())
    eventually(lambda: rows("SELECT 1 FROM incident WHERE reference_number = 'n-good'"))
    eventually(lambda: peer.depth(dead) == before + 1)


def test_a_command_in_a_cloudevent_is_taken_too(service, peer, rows, eventually):
    now = datetime.now(UTC).isoformat()
    create = command("incident.create", data=call_for_help("n-wrapped"))
    wrapped = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/police",
        "type": "x",
        "time": now,
        "data": create,
    }
    peer.send("dispatch.commands", "incident.create", json.dumps(wrapped).encode())
    eventually(lambda: rows("SELECT 1 FROM incident WHERE reference_number = 'n-wrapped'"))


def test_the_registrys_events_build_the_grid_tree_and_old_versions_change_nothing(
    broker, process, engine, peer, rows, eventually
):
    bootstrap.declare(broker)
    with process("service", broker):
        send = lambda data: peer.send(  # noqa: E731
            "registry.events", names.registry_event("grid"), registry_event("grid", data["code"], data)
        )
        for code in (COUNTY, TOWN, COMMUNITY, GRID):
            send(grid(code))
        send(grid(WEST, 2, box(119.0, 29.0, 119.5, 30.0)))
        send(grid(WEST, 1, None, retired=True))
        peer.send("registry.events", names.registry_event("centre"), registry_event("centre", STATION, CENTRE))
        post = {
            "post_id": "p-1",
            "grid_code": GRID,
            "role": "grid_lead",
            "a_holder": "p-0001",
            "b_holder": None,
            "a_absent": False,
            "version": 1,
        }
        peer.send("registry.events", names.registry_event("post"), registry_event("post", "p-1", post))
        eventually(lambda: rows("SELECT 1 FROM post"))
        eventually(lambda: len(rows("SELECT code FROM grid_node")) == 5)
        assert rows("SELECT version, retired FROM grid_node WHERE code = :code", code=WEST) == [(2, False)]
        made = peer.call("execute", commands=[command("incident.create", view=True, data=call_for_help(push=True))])
        view = made["result"]["answers"][0]["result"]["incident"]
        # No registry is running: dispatch finds place and centre in its own copy.
        assert (view["grid_code"], view["centre_code"]) == (WEST, STATION)


def test_a_redelivered_event_is_taken_once(service, peer, rows, eventually):
    body = registry_event("grid", WEST, grid(WEST, 7))
    event_id = json.loads(body)["id"]
    for _ in range(3):
        told = pika.BasicProperties(message_id=event_id)
        peer.channel.basic_publish("registry.events", names.registry_event("grid"), body, told, mandatory=True)
    eventually(lambda: rows("SELECT 1 FROM grid_node WHERE code = :code AND version = 7", code=WEST))
    assert rows("SELECT count(*) FROM inbox WHERE message_id = CAST(:id AS uuid)", id=event_id) == [(1,)]


def test_events_leave_through_the_relay_in_order_and_a_deadline_fires_in_the_sidecar(
    broker, service, sidecar, peer, policy, rows, eventually
):
    peer.channel.queue_bind(peer.queue, "dispatch.events", "wangge.dispatch.incident.#")
    policy(push=2)
    create = command("incident.create", data=call_for_help(category="other", source="grid_worker"))
    peer.send("dispatch.commands", "incident.create", json.dumps(create).encode())
    told = [peer.answer() for _ in range(4)]
    assert [(each["type"].split(".")[3], each["sequence"]) for each in told] == [
        ("received", 1), ("clock_warned", 2), ("breached", 3), ("escalated", 4),
    ]  # fmt: skip
    (row,) = rows("SELECT encode(chain_head, 'hex') AS head FROM incident")
    assert told[-1]["data"]["chain"] == row.head
    late = datetime.fromisoformat(told[2]["recordedat"]) - datetime.fromisoformat(told[2]["data"]["due_at"])
    assert 0 <= late.total_seconds() < 0.1


def test_a_command_over_amqp_has_the_rights_of_the_user_who_published_it(broker, peer, process, dispatch, rows):
    user = pika.URLParameters(broker).credentials.username
    actors = {user: {"roles": ["integration"], "jurisdictions": [TOWN]}}
    create = command("incident.create", data=call_for_help("n-user"))
    close = command("incident.close", incident="police110:n-user")
    with process("service", broker, WANGGE_AMQP_ACTORS=json.dumps(actors)):
        answers = []
        for told, sender in ((create, {"user_id": user}), (close, {"user_id": user}), (close, {})):
            peer.send("dispatch.commands", told["command"], json.dumps(told).encode(), reply_to=peer.queue, **sender)
            answers.append(in_outbox(rows, len(answers) + 1))
    assert [answer.get("problem", {}).get("code") for answer in answers] == [None, "forbidden", "unauthenticated"]
    assert [tuple(row) for row in rows("SELECT subject, asked, rule FROM denial ORDER BY recorded_at")] == [
        (f"amqp:{user}", "incident.close", "role"), ("nobody", "AMQP incident.close", "sender"),
    ]  # fmt: skip
    assert rows("SELECT DISTINCT by FROM timeline")[0].by == f"amqp:{user}"


def in_outbox(rows, number):
    """The newest answer that waits for the sidecar, once there are that many."""
    found = eventually_rows(rows, number)
    return json.loads(bytes(found[-1].body))


def eventually_rows(rows, number):
    def waiting():
        found = rows("SELECT body FROM outbox WHERE exchange = '' ORDER BY id")
        return found if len(found) >= number else None

    return wait_until(waiting, within=10)
