"""What the routes send to the services, and what comes back over HTTP."""

from __future__ import annotations

import time
from typing import Any

import httpx

from chassis.assertions import DEVELOPMENT_ACTOR_KEY, Verifier, public_key_of
from gateway.security.token import DEVELOPER
from tests.integration.gateway.responder import Responder, Silence, problem

INCIDENT = "0190a0c2-7e1a-7000-8000-0000000000aa"
ASSIGNMENT = "0190a0c2-7e1a-7000-8000-0000000000bb"
CREATE = {"source": "police", "category": "medical", "location": {"lat": 29.08, "lon": 119.64}}


def created(_method: str, _arguments: dict[str, Any]) -> dict[str, Any]:
    answer = {"ok": True, "status": 201, "replayed": False, "result": {"incident_id": INCIDENT, "version": 1}}
    return {"result": {"answers": [answer]}}


def refusing(code: str, status: int, **members: Any) -> Any:
    answer = {"ok": False, "replayed": False, "problem": problem(code, status, **members)}
    return lambda _method, _arguments: {"result": {"answers": [answer]}}


def test_an_intake_becomes_one_command_and_is_answered_201_with_its_location(
    client: httpx.Client, fresh: Responder
) -> None:
    fresh.handler = created
    body = {**CREATE, "occurred_at": "2026-01-02T11:04:05+08:00"}
    response = client.post("/v1/incidents", json=body, headers={"Idempotency-Key": "intake-1"})
    assert response.status_code == 201
    assert response.headers["Location"] == f"/v1/incidents/{INCIDENT}"
    assert response.headers["Idempotency-Key"] == "intake-1"
    assert response.json()["incident_id"] == INCIDENT
    assert fresh.commands() == [
        {
            "command": "incident.create",
            "key": "intake-1",
            "view": True,
            "occurred_at": "2026-01-02T11:04:05+08:00",
            "data": CREATE,
        }
    ]


def test_a_call_without_a_key_gets_one_and_is_told_which(client: httpx.Client, fresh: Responder) -> None:
    first = client.post(f"/v1/incidents/{INCIDENT}/push").headers["Idempotency-Key"]
    second = client.post(f"/v1/incidents/{INCIDENT}/push").headers["Idempotency-Key"]
    assert first != second
    assert [command["key"] for command in fresh.commands()] == [first, second]


def test_a_replayed_answer_says_so(client: httpx.Client, fresh: Responder) -> None:
    replayed = {"ok": True, "status": 200, "replayed": True, "result": {}}
    fresh.handler = lambda _method, _arguments: {"result": {"answers": [replayed]}}
    assert client.post(f"/v1/incidents/{INCIDENT}/push").headers["Idempotent-Replayed"] == "true"


def test_every_step_of_an_incident_reaches_dispatch_under_its_own_name(client: httpx.Client, fresh: Responder) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "push": {}, "acknowledge": {}, "escalate": {"reason": "x"}, "resolve": {"outcome": "handled"},
        "feedback": {"disposition": "18"}, "close": {}, "archive": {}, "cancel": {"reason": "x"},
        "reopen": {"reason": "x"},
        "merge": {"into": "police110:1"}, "unmerge": {}, "hand-over": {"to": "mediation", "reason": "x"},
        "note": {"note": "x"}, "contact": {"purpose": "call_back"},
    }  # fmt: skip
    for step, body in bodies.items():
        response = client.post(f"/v1/incidents/{INCIDENT}/{step}", json=body)
        assert response.status_code == 200, (step, response.text)
    assert [command["command"] for command in fresh.commands()] == [
        "incident.push", "incident.acknowledge", "incident.escalate", "incident.resolve", "incident.feedback",
        "incident.close", "incident.archive", "incident.cancel", "incident.reopen", "incident.merge",
        "incident.unmerge", "incident.hand_over", "incident.note", "incident.read_contact",
    ]  # fmt: skip
    assert all(command["incident"] == INCIDENT for command in fresh.commands())


def test_every_step_of_an_assignment_reaches_dispatch(client: httpx.Client, fresh: Responder) -> None:
    for step in ("accept", "depart", "arrive", "clear", "withdraw"):
        assert client.post(f"/v1/assignments/{ASSIGNMENT}/{step}").status_code == 200
    assert client.post(f"/v1/assignments/{ASSIGNMENT}/refuse", json={"reason": "x"}).status_code == 200
    commands = fresh.commands()
    assert {command["assignment"] for command in commands} == {ASSIGNMENT}
    assert [command["command"] for command in commands][-2:] == ["assignment.withdraw", "assignment.refuse"]


def test_a_corrected_time_is_data_and_not_the_time_of_the_correction(client: httpx.Client, fresh: Responder) -> None:
    body = {"stage": "pushed", "occurred_at": "2026-01-02T03:04:05Z", "why": "x"}
    assert client.post(f"/v1/incidents/{INCIDENT}/correct", json=body).status_code == 200
    (command,) = fresh.commands()
    assert command["data"] == body
    assert "occurred_at" not in command


def test_a_team_is_assigned_by_id_call_sign_or_the_recommendation(client: httpx.Client, fresh: Responder) -> None:
    path = f"/v1/incidents/{INCIDENT}/assignments"
    for body in ({"team_id": INCIDENT}, {"team": "E39"}, {"auto": True}):
        assert client.post(path, json=body).status_code in (200, 201)
    assert [command["data"] for command in fresh.commands()] == [{"team": INCIDENT}, {"team": "E39"}, {"auto": True}]
    both = client.post(path, json={"team_id": INCIDENT, "team": "E39"})
    assert (both.status_code, both.json()["field"]) == (422, "team_id")


def test_incidents_are_addressed_by_their_number_in_another_system(client: httpx.Client, fresh: Responder) -> None:
    assert client.post("/v1/incidents/police110%3A2026-17/push").status_code == 200
    assert fresh.commands()[0]["incident"] == "police110:2026-17"


def test_teams_are_moved_changed_and_rostered(client: httpx.Client, fresh: Responder) -> None:
    shift = {"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-02T08:00:00Z"}
    assert client.put("/v1/teams/E%2039/position", json={"lat": 1.5, "lon": 2}).status_code == 200
    assert client.patch("/v1/teams/E39", json={"in_service": False}).status_code == 200
    assert client.put("/v1/teams/E39/shifts", json={"shifts": [shift]}).status_code == 200
    assert [(command["command"], command["team"]) for command in fresh.commands()] == [
        ("team.move", "E 39"),
        ("team.change", "E39"),
        ("team.shifts", "E39"),
    ]


def test_queries_carry_the_parameters_given_and_no_others(
    client: httpx.Client, fresh: Responder, registry: Responder
) -> None:
    assert client.get("/v1/incidents?state=pushed&open=true&limit=5").json() == {
        "method": "list_incidents",
        "arguments": {"state": ["pushed"], "open": True, "limit": 5},
    }
    several = client.get("/v1/incidents?state=pushed,assigned&priority=1&priority=2&from=2026-01-01T00:00:00Z").json()
    assert several["arguments"] == {
        "state": ["pushed", "assigned"],
        "priority": [1, 2],
        "since": "2026-01-01T00:00:00.000000Z",
    }
    assert client.get("/v1/incidents?fields=state,stamps.received&open=false").json() == {
        "method": "select_incidents",
        "arguments": {"fields": ["state", "stamps.received"], "open": False},
    }
    assert client.get(f"/v1/incidents/{INCIDENT}?include=timeline").json()["arguments"] == {
        "incident": INCIDENT,
        "include": ["timeline"],
    }
    report = client.get("/v1/sla/report", params={"from": "2026-01-01T00:00:00+08:00", "by": "category"}).json()
    assert report["arguments"] == {"since": "2025-12-31T16:00:00.000000Z", "by": "category"}
    assert client.get("/v1/locate?lat=29.1&lon=119.5").json() == {
        "method": "locate",
        "arguments": {"lat": 29.1, "lon": 119.5},
    }
    assert client.get("/v1/grids/330784001/posts").json()["arguments"] == {"grid_code": "330784001"}
    assert client.get("/v1/board").json() == {"method": "board", "arguments": {}}


def test_a_draft_is_compared_without_becoming_an_incident(client: httpx.Client, fresh: Responder) -> None:
    draft = {"category": "medical", "location": {"lat": 1, "lon": 2}}
    response = client.post("/v1/incidents/likely-duplicates", json=draft)
    assert response.json()["arguments"] == {"draft": draft}
    assert fresh.commands() == []


def test_a_call_carries_its_actor_its_deadline_and_its_trace(client: httpx.Client, fresh: Responder) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    client.get("/v1/board", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    (call,) = fresh.seen
    recognise = Verifier(public_key_of(DEVELOPMENT_ACTOR_KEY), "dispatch", mode="development")
    assert recognise(call.headers["nameko.actor"]) == DEVELOPER
    now_ms = time.time() * 1000
    assert now_ms - 1500 < call.headers["nameko.deadline"] < now_ms + 1500
    assert 0 < call.expiration_ms <= 1500
    assert call.headers["nameko.traceparent"].split("-")[1] == trace


def test_a_refusal_of_the_service_leaves_as_its_problem(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = refusing("impossible_transition", 409, detail="is received", rule="state")
    response = client.post(f"/v1/incidents/{INCIDENT}/archive", headers={"X-Request-ID": "desk-7"})
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["X-Request-ID"] == "desk-7"
    found = response.json()
    assert (found["code"], found["rule"], found["request_id"]) == ("impossible_transition", "state", "desk-7")


def test_the_field_of_a_refusal_is_named_as_the_caller_wrote_it(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = refusing("unknown_grid", 422, field="data.location.grid_code", detail="unknown")
    assert client.post("/v1/incidents", json=CREATE).json()["field"] == "location.grid_code"


def test_a_service_that_does_not_answer_is_a_504_with_the_key_to_try_again(
    client: httpx.Client, fresh: Responder
) -> None:
    def silent(_method: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        raise Silence

    fresh.handler = silent
    response = client.post(f"/v1/incidents/{INCIDENT}/push")
    assert (response.status_code, response.json()["code"]) == (504, "deadline_exceeded")
    assert response.json()["retryable"] is True
    assert response.headers["Retry-After"] == "1"
    assert response.headers["Idempotency-Key"] == fresh.commands()[0]["key"]


def test_a_service_that_is_unavailable_for_a_moment_is_asked_again_with_the_same_key(
    client: httpx.Client, fresh: Responder
) -> None:
    answers = [{"problem": problem("unavailable", 503, retryable=True)}]

    def recovering(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return answers.pop() if answers else created(method, arguments)

    fresh.handler = recovering
    assert client.post("/v1/incidents", json=CREATE).status_code == 201
    first, second = fresh.commands()
    assert first == second


def test_a_question_that_meets_a_replica_of_the_release_before_is_asked_of_another(
    client: httpx.Client, fresh: Responder
) -> None:
    answers = [{"problem": problem("unknown_method", 501)}, {"problem": problem("unknown_method", 501)}]
    fresh.handler = lambda _method, _arguments: answers.pop() if answers else {"result": {"denials": []}}
    assert client.get("/v1/audit/denials").json() == {"denials": []}
    assert [call.method for call in fresh.seen] == ["list_denials"] * 3


def test_an_error_inside_a_service_shows_nothing_of_its_cause(client: httpx.Client, fresh: Responder) -> None:
    def broken(_method: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("password=hunter2")

    fresh.handler = broken
    response = client.get("/v1/board")
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert "hunter2" not in response.text
    assert "Traceback" not in response.text
