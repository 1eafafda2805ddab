"""Calls as the gateway makes them: nameko's protocol over a plain AMQP client."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import orjson
import pika
import pytest

from chassis.actor import Actor
from chassis.link import Link, Message
from tests.support.callers import header

pytestmark = pytest.mark.integration
ANNA = Actor("p-0001", "desk", ("dispatcher",), ("999999001",), purpose="call_back")


class Caller:
    """A client that speaks nameko's protocol and nothing of ours."""

    def __init__(self, url):
        self.link = Link(url, name="caller").open()
        self.reply_to = str(uuid4())
        self.replies = {}
        queue = f"rpc.reply-test-{self.reply_to}"
        self.link.call("exchange_declare", "nameko-rpc", exchange_type="topic", durable=True)
        self.link.call("queue_declare", queue, exclusive=True)
        self.link.call("queue_bind", queue, "nameko-rpc", self.reply_to)
        self.link.consume(queue, 100, self._on_reply)

    def _on_reply(self, _channel, method, properties, body):
        self.replies[properties.correlation_id] = (properties, orjson.loads(body))
        self.link.ack(method.delivery_tag)

    def send(self, method, *args, headers=None, body=None, **kwargs):
        correlation = str(uuid4())
        properties = pika.BasicProperties(
            reply_to=self.reply_to,
            correlation_id=correlation,
            content_type="application/json",
            content_encoding="utf-8",
            headers={**header("sample"), **(headers or {})},
        )
        body = orjson.dumps({"args": args, "kwargs": kwargs}) if body is None else body
        assert self.link.publish_all([Message("nameko-rpc", f"sample.{method}", body, properties)], 5) == [None]
        return correlation

    def close(self):
        self.link.close()

    def wait(self, correlation, within=10):
        until = time.monotonic() + within
        while correlation not in self.replies:
            assert time.monotonic() < until, "no reply"
            self.link.step(0.1)
        return self.replies.pop(correlation)[1]

    def call(self, method, *args, **rest):
        reply = self.wait(self.send(method, *args, **rest))
        assert reply["error"] is None
        return reply["result"]


@pytest.fixture
def caller(answering):
    """Calls the service that all of these tests share."""
    with closing(Caller(answering.broker.url)) as made:
        yield made


@pytest.fixture
def own_caller(service, broker):
    """Calls a service of this test's own."""
    del service
    with closing(Caller(broker.url)) as made:
        yield made


def test_a_call_is_answered_with_its_result(caller):
    assert caller.call("echo", {"中": [1, None, "x"]}) == {"result": {"中": [1, None, "x"]}}
    assert caller.call("echo", value="by name") == {"result": "by name"}


def test_a_body_of_five_hundred_commands_is_answered_whole(caller):
    commands = [{"command": "assignment.arrive", "key": f"key-{each}", "data": {"note": "备注"}} for each in range(500)]
    assert caller.call("echo", commands) == {"result": commands}


def test_a_domain_refusal_becomes_its_problem(caller):
    assert caller.call("refuse")["problem"] == {
        "type": "urn:wangge:problem:no_such_grid",
        "code": "no_such_grid",
        "status": 422,
        "detail": "unknown grid",
        "field": "location.grid_code",
        "retryable": False,
        "tried": 3,
        "title": "输入有误 · Invalid input",
    }


def test_a_service_error_becomes_its_problem(caller):
    problem = caller.call("conflict")["problem"]
    assert (problem["code"], problem["status"], problem["field"]) == ("conflict", 409, "state")


def test_an_unexpected_error_says_nothing_of_its_cause_and_is_in_the_log(caller, answering):
    problem = caller.call("break_down")["problem"]
    assert (problem["code"], problem["status"], problem["detail"]) == ("internal", 500, "")
    log = answering.service.log.read_text()
    assert "break_down" in log
    assert "ValueError" in log
    assert "13800138000" not in log


def test_a_result_that_json_cannot_hold_is_an_internal_problem(caller):
    assert caller.call("odd")["problem"]["code"] == "internal"


@pytest.mark.parametrize(
    ("method", "body", "code", "status"),
    [
        ("no_such_method", None, "unknown_method", 501),
        ("echo", b"{not json", "malformed_request", 400),
        ("echo", b'{"args": []}', "malformed_request", 400),
        ("echo", b'{"args": [], "kwargs": {"nope": 1}}', "wrong_arguments", 400),
    ],
)
def test_a_call_that_cannot_be_made_names_its_problem(caller, method, body, code, status):
    problem = caller.call(method, body=body)["problem"]
    assert (problem["code"], problem["status"]) == (code, status)


def test_a_call_past_its_deadline_is_not_started(caller):
    late = {"nameko.deadline": int(time.time() * 1000) - 1}
    assert caller.call("slow", 5, headers=late)["problem"]["code"] == "deadline_exceeded"
    in_time = {"nameko.deadline": int(time.time() * 1000) + 60_000}
    assert caller.call("slow", 0, headers=in_time) == {"result": "done"}


def test_a_call_that_waited_behind_others_until_its_deadline_is_not_started(caller):
    for _ in range(4):  # WANGGE_RPC_WORKERS of the sample service
        caller.send("slow", 1.0)
    waiting = caller.send("echo", 1, headers={"nameko.deadline": int(time.time() * 1000) + 300})
    assert caller.wait(waiting)["result"]["problem"]["code"] == "deadline_exceeded"


def test_actor_deadline_and_trace_reach_the_method(caller):
    deadline = int(time.time() * 1000) + 60_000
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    seen = caller.call(
        "whoami",
        headers={
            "nameko.deadline": deadline,
            **header("sample", ANNA),
            "nameko.traceparent": f"00-{trace_id}-b7ad6b7169203331-01",
        },
    )["result"]
    assert Actor.from_claims(seen["actor"]) == ANNA
    assert 50 < seen["seconds_left"] <= 60
    assert seen["traceparent"].split("-")[1] == trace_id


@pytest.mark.parametrize(
    "told",
    [None, "", '{"subject": "dev"}', header("dispatch")["nameko.actor"], header("sample")["nameko.actor"][:-4], 7],
)
def test_a_call_for_which_nobody_vouches_is_refused_and_not_run(caller, told):
    problem = caller.call("echo", 1, headers={"nameko.actor": told})["problem"]
    assert (problem["code"], problem["status"]) == ("unauthenticated", 401)


def test_a_call_whose_caller_lacks_the_methods_permission_is_refused_and_not_run(caller):
    problem = caller.call("echo", 1, headers=header("sample", replace(ANNA, subject="nobody")))["problem"]
    assert (problem["code"], problem["status"]) == ("forbidden", 403)
    assert (problem["rule"], problem["permission"]) == ("role", "sample.call")


def test_calls_run_beside_each_other_up_to_the_number_of_workers(caller):
    started = time.monotonic()
    for correlation in [caller.send("slow", 1.0) for _ in range(4)]:
        caller.wait(correlation)
    assert time.monotonic() - started < 3


def test_a_drain_answers_the_call_in_hand_and_exits_zero(own_caller, service):
    correlation = own_caller.send("slow", 2.0)
    own_caller.call("echo", 1)  # behind it in the queue, so the slow one has begun
    assert service.terminate() == 0
    assert own_caller.wait(correlation) == {"result": {"result": "done"}, "error": None}
    assert "call failed" not in service.log.read_text()


def test_a_service_whose_container_dies_of_a_defect_exits_non_zero_for_the_supervisor(own_caller, service):
    own_caller.send("echo", "break the container")
    assert service.child.wait(20) == 1
    assert "container died" in service.log.read_text()


def test_a_call_cut_off_by_a_killed_service_is_answered_by_the_next(own_caller, service, start, store, broker):
    correlation = own_caller.send("slow", 3.0)
    own_caller.call("echo", 1)
    service.kill()
    start("sample_service.py", store, broker.url).until_ready()
    assert own_caller.wait(correlation, 20)["result"] == {"result": "done"}
