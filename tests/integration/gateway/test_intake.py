"""Calls that come while dispatch is away: taken, kept, delivered in order, followed by their tracking id."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from chassis.clock import parse_time
from tests.integration.gateway.responder import Responder, Silence, accepted, accepting, commands_of, problem
from tests.integration.gateway.running import GatewayProcess
from tests.support.eventually import eventually
from tests.support.vhosts import VhostFactory

INCIDENT = "0190a0c2-7e1a-7000-8000-0000000000aa"
SUMMARY = "北门有人晕倒"
CALL = {"source": "police", "category": "medical", "summary": SUMMARY, "location": {"lat": 29.08, "lon": 119.64}}
KEY = base64.b64encode(secrets.token_bytes(32)).decode()
NewGateway = Callable[..., GatewayProcess]


class Desk:
    """What stands where dispatch will: remembers what it answered to each key, as dispatch does."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[str, Any]] = {}
        self.refusing: set[str] = set()

    def __call__(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if method == "get_answer":
            known = self.answers.get(arguments["key"], {})
            remembered = {"known": bool(known), "result": known.get("result"), "problem": known.get("problem")}
            return {"result": remembered}
        if method not in ("execute", "execute_together"):
            return accepting(method, arguments)
        told = [self.answer(command) for command in commands_of(method, arguments)]
        return {"result": {"answers": told if method == "execute" else [[one] for one in told]}}

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        if command["key"] in self.refusing:
            answer = {"ok": False, "replayed": False, "problem": problem("unknown_grid", 422)}
        else:
            answer = {**accepted(command), "result": {"incident_id": INCIDENT, "version": 1}}
        return self.answers.setdefault(command["key"], answer)


@pytest.fixture
def broker(new_vhost: VhostFactory) -> str:
    return new_vhost()


@pytest.fixture
def keeping(broker: str, new_gateway: NewGateway, tmp_path: Path) -> Callable[..., GatewayProcess]:
    def start(folder: str = "journal", **environment: str) -> GatewayProcess:
        told = {"WANGGE_JOURNAL": str(tmp_path / folder), "WANGGE_GATEWAY_KEY": KEY, "WANGGE_INTAKE_SECONDS": "0.5"}
        return new_gateway(broker, **{**told, "WANGGE_READ_SECONDS": "0.5", **environment})

    return start


@pytest.fixture
def caller(keeping: Callable[..., GatewayProcess]) -> Iterator[httpx.Client]:
    with keeping().client() as client:
        yield client


def report(client: httpx.Client, key: str | None = None, **changes: Any) -> httpx.Response:
    return client.post("/v1/incidents", json={**CALL, **changes}, headers={"Idempotency-Key": key} if key else {})


def state(client: httpx.Client, taken: httpx.Response) -> dict[str, Any]:
    response = client.get(taken.headers["Location"])
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_a_call_that_dispatch_does_not_answer_is_taken_and_delivered_when_it_returns(
    caller: httpx.Client, broker: str
) -> None:
    before = datetime.now(UTC)
    taken = report(caller, "call-1")
    assert (taken.status_code, taken.headers["Idempotency-Key"]) == (202, "call-1")
    assert taken.headers["Location"] == f"/v1/intake/{taken.json()['tracking_id']}"
    assert state(caller, taken)["state"] == "waiting"
    with Responder(broker, "dispatch", Desk()) as dispatch:
        done = eventually(lambda: (now := state(caller, taken))["state"] == "delivered" and now)
        (command,) = [each for each in dispatch.commands() if "taken_at" in each]
    assert done["incident_id"] == INCIDENT
    assert (command["key"], command["data"]["summary"]) == ("call-1", SUMMARY)
    assert before <= parse_time(command["taken_at"]) <= datetime.now(UTC)
    assert "occurred_at" not in command


def test_calls_are_delivered_in_the_order_taken_and_each_once(caller: httpx.Client, broker: str) -> None:
    answers = [report(caller, f"call-{number}") for number in range(300)]
    assert {answer.status_code for answer in answers} == {202}
    with Responder(broker, "dispatch", Desk()) as dispatch:
        eventually(lambda: caller.get("/ready").json()["intake"]["waiting"] == 0, within=20)
        kept = [command["key"] for command in dispatch.commands() if "taken_at" in command]
    assert kept == [f"call-{number}" for number in range(300)]


def test_while_it_waits_the_same_key_is_the_same_call_and_no_other(caller: httpx.Client) -> None:
    first, again = report(caller, "call-1"), report(caller, "call-1")
    assert first.json() == again.json()
    assert caller.get("/ready").json()["intake"]["waiting"] == 1
    other = report(caller, "call-1", summary="别的事")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_what_is_wrong_is_refused_and_what_is_no_intake_is_not_kept(caller: httpx.Client) -> None:
    wrong = report(caller, None, category="no_such_category")
    assert wrong.status_code == 422
    push = caller.post(f"/v1/incidents/{INCIDENT}/push")
    assert push.status_code in (503, 504)
    assert push.headers["Retry-After"]
    assert caller.get("/ready").json()["intake"]["waiting"] == 0


def test_a_gateway_that_is_killed_in_the_middle_delivers_under_the_same_key_when_it_is_back(
    keeping: Callable[..., GatewayProcess], broker: str
) -> None:
    reached, desk = threading.Event(), Desk()

    def silent(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        reached.set()
        raise Silence

    gateway = keeping(WANGGE_INTAKE_SECONDS="30")
    with Responder(broker, "dispatch", silent) as dispatch, gateway.client() as client, ThreadPoolExecutor(1) as pool:
        calling = pool.submit(report, client, "call-1")
        assert reached.wait(10)
        gateway.kill()
        with pytest.raises(httpx.TransportError):
            calling.result(10)
        dispatch.handler = desk
        gateway.start()
        eventually(lambda: "call-1" in desk.answers)


def test_a_call_that_dispatch_refuses_later_says_why(caller: httpx.Client, broker: str) -> None:
    desk = Desk()
    desk.refusing.add("call-2")
    answers = [report(caller, f"call-{number}") for number in range(4)]
    with Responder(broker, "dispatch", desk):
        last = eventually(lambda: (now := state(caller, answers[3]))["state"] == "delivered" and now)
        refused = state(caller, answers[2])
    assert last["incident_id"] == INCIDENT
    assert (refused["state"], refused["problem"]["code"]) == ("refused", "unknown_grid")


def test_a_defect_in_one_call_holds_up_no_other_and_the_call_is_kept(caller: httpx.Client, broker: str) -> None:
    desk = Desk()

    def upset(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if any(command["key"] == "call-1" for command in commands_of(method, arguments)):
            raise RuntimeError("a defect")
        return desk(method, arguments)

    answers = [report(caller, f"call-{number}") for number in range(4)]
    with Responder(broker, "dispatch", upset):
        eventually(lambda: set(desk.answers) == {"call-0", "call-2", "call-3"}, within=15)
        assert state(caller, answers[1])["state"] == "waiting"


def test_any_gateway_tells_a_taken_call_from_nonsense(keeping: Callable[..., GatewayProcess], broker: str) -> None:
    with keeping("one").client() as one, keeping("two").client() as two:
        taken = report(one, "call-1")
        assert state(two, taken)["state"] == "taken"
        assert two.get("/v1/intake/" + "A" * 58).status_code == 404
        with Responder(broker, "dispatch", Desk()):
            eventually(lambda: state(two, taken)["state"] == "delivered")


def test_a_full_store_turns_calls_away_until_there_is_room(keeping: Callable[..., GatewayProcess]) -> None:
    with keeping(WANGGE_JOURNAL_BYTES=str(1 << 20)).client() as client:
        texts = [report(client, None, summary="说" * 1900) for _ in range(250)]
        codes = [answer.status_code for answer in texts]
        assert codes.count(202) > 100
        assert codes[-1] == 503
        assert texts[-1].json()["code"] == "intake_store_full"
        assert texts[-1].headers["Retry-After"]
        assert client.get("/ready").json()["checks"]["intake"] == "full"


def test_nothing_of_a_call_is_on_the_disk_in_clear_or_after_its_delivery(
    keeping: Callable[..., GatewayProcess], broker: str, tmp_path: Path
) -> None:
    with keeping().client() as client:
        report(client, "call-1")
        (file,) = (tmp_path / "journal").glob("*.journal")
        assert SUMMARY.encode() not in file.read_bytes()
        with Responder(broker, "dispatch", Desk()):
            eventually(lambda: list((tmp_path / "journal").glob("*.journal")) == [])


def test_a_feed_keeps_the_lines_that_take_incidents_in_and_no_others(
    keeping: Callable[..., GatewayProcess], broker: str
) -> None:
    create = {"command": "incident.create", "data": CALL}
    lines = [{**create, "key": "f-1"}, {"command": "incident.push", "key": "f-2", "incident": "police110:1"},
             {**create, "key": "f-3", "data": {}}, {**create, "key": "f-4"}]  # fmt: skip
    body = b"\n".join(orjson.dumps(line) for line in lines)
    with keeping(WANGGE_FEED_PATIENCE_SECONDS="0.5").client() as client:
        answers = client.post("/v1/feed", content=body, headers={"Content-Type": "application/x-ndjson"})
        *told, summary = [orjson.loads(line) for line in answers.iter_lines()]
        assert [answer.get("status") for answer in told] == [202, None, None, 202]
        assert summary["summary"]["waiting"] == 2
        with Responder(broker, "dispatch", Desk()) as dispatch:
            where = f"/v1/intake/{told[3]['result']['tracking_id']}"
            eventually(lambda: client.get(where).json()["state"] == "delivered")
            assert [c["key"] for c in dispatch.commands() if "taken_at" in c] == ["f-1", "f-4"]


def test_a_service_request_gets_a_token_that_becomes_its_id(caller: httpx.Client, broker: str) -> None:
    form = {"service_code": "manhole", "lat": "29.08", "long": "119.64", "attribute[danger]": "no"}
    taken = caller.post("/open311/v2/requests.json", data=form)
    assert taken.status_code == 202, taken.text
    (waits,) = taken.json()
    assert "service_request_id" not in waits
    assert taken.headers["Location"] == f"/open311/v2/tokens/{waits['token']}.json"
    assert caller.get(taken.headers["Location"]).json() == [{"token": waits["token"]}]
    with Responder(broker, "dispatch", Desk()):
        became = [{"service_request_id": INCIDENT, "token": waits["token"]}]
        eventually(lambda: caller.get(taken.headers["Location"]).json() == became)
        assert "<token>" in caller.get(f"/open311/v2/tokens/{waits['token']}.xml").text
