"""Every denied request leaves a record that an auditor reads: who, what, about what, when, and which rule said no."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg2
import pytest
import sqlalchemy as sa

from tests.integration.rights.county import COMMUNITY, HERE, TEAM, THERE, caller
from tests.support.callers import ASSERTIONS, person
from tests.support.eventually import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def since() -> str:
    return datetime.now(UTC).isoformat()


@pytest.fixture
def ask(http):
    """`ask(actor, "GET", path, …)`: the answer to that caller; None is nobody."""

    def asked(actor, method, path, **told):
        token = {} if actor is None else {"Authorization": f"Bearer {ASSERTIONS.of(actor, 'gateway')}"}
        return http.request(method, path, headers={**token, **told.pop("headers", {})}, **told)

    return asked


@pytest.fixture
def recorded(ask, since):
    """`recorded(n)`: the record since the test began, oldest first, once there are that many entries."""

    def read(number):
        def entries():
            page = ask(caller("auditor"), "GET", "/v1/audit/denials", params={"from": since, "limit": 1000}).json()
            return page["denials"] if len(page["denials"]) >= number else None

        return list(reversed(eventually(entries, within=10)))

    return read


def told(entry, *names):
    return tuple(entry[name] for name in names)


def test_an_incident_elsewhere_is_recorded_with_what_it_was_and_answered_as_if_it_were_not(ask, county, recorded):
    incident, anna = county.pair()[THERE], person("dispatcher", subject="p-anna", at=(HERE,))
    path = f"/v1/incidents/{incident.id}"
    note = ask(anna, "POST", f"{path}/note", json={"note": "演示"}, headers={"Wangge-Purpose": "handle"})
    look = ask(anna, "GET", path)
    assert (note.status_code, look.status_code) == (404, 404)
    assert "on_record" not in note.json()
    first, second = recorded(2)
    where = ("subject", "client", "permission", "rule", "about", "jurisdiction", "said_by")
    expected = ("p-anna", "desk", "jurisdiction", incident.id, f"{COMMUNITY[THERE]}00101", "dispatch")
    for entry, permission in ((first, "incident.note"), (second, "incident.read")):
        assert told(entry, *where) == (*expected[:2], permission, *expected[2:])
    assert (first["purpose"], first["code"], second["purpose"]) == ("handle", "unknown_incident", None)


@pytest.mark.parametrize(
    ("role", "request_", "permission", "rule", "said_by"),
    [
        ("resident", ("GET", "/v1/board"), "board.read", "role", "gateway"),
        ("dispatcher", ("GET", f"/v1/grids/{THERE}"), "grid.read", "jurisdiction", "gateway"),
        ("resident", ("GET", "/v1/stream"), "stream.read", "role", "gateway"),
        ("ops", ("PATCH", "/v1/teams/HERE-1"), "team.change", "role", "dispatch"),
    ],
)
def test_whoever_says_no_there_is_one_entry(ask, recorded, role, request_, permission, rule, said_by):
    body = {"json": {"name_zh": "演示"}} if request_[0] == "PATCH" else {}
    answer = ask(person(role, subject="p-ben", at=(HERE,)), *request_, **body)
    assert answer.status_code == 403
    assert (answer.json()["permission"], answer.json()["rule"]) == (permission, rule)
    (entry,) = [each for each in recorded(1) if each["subject"] == "p-ben"]
    assert told(entry, "permission", "rule", "said_by", "times") == (permission, rule, said_by, 1)


def test_a_handshake_that_is_refused_is_recorded_too(ask, recorded):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
    answer = ask(person("resident", subject="p-carl"), "GET", "/v1/stream", headers=upgrade)
    assert answer.status_code == 403
    (entry,) = [each for each in recorded(1) if each["subject"] == "p-carl"]
    assert told(entry, "asked", "permission", "rule") == ("WebSocket /v1/stream", "stream.read", "role")


def test_many_requests_of_nobody_are_few_entries(ask, recorded):
    for _ in range(30):
        assert ask(None, "GET", "/v1/incidents", headers={"Authorization": "Bearer nothing"}).status_code == 401
    eventually(lambda: sum(each["times"] for each in recorded(1)) == 30, within=10)
    entries = recorded(1)
    assert len(entries) < 10
    assert {told(each, "subject", "asked") for each in entries} == {("nobody", "GET /v1/incidents")}


def test_the_record_is_read_by_page_and_by_person_and_only_by_who_may(ask, county, recorded):
    for name in ("p-1", "p-2", "p-1"):
        ask(person("resident", subject=name), "PATCH", "/v1/teams/HERE-1", json={"name_zh": "演示"})
    eventually(lambda: len(recorded(3)) == 3, within=10)
    auditor = caller("auditor")
    mine = ask(auditor, "GET", "/v1/audit/denials", params={"subject": "p-2", "permission": "team.change"}).json()
    assert [each["subject"] for each in mine["denials"]] == ["p-2"]
    seen, cursor = [], None
    while cursor is not None or not seen:
        page = ask(auditor, "GET", "/v1/audit/denials", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += [each["denial_id"] for each in page.json()["denials"]]
        cursor = page.json()["next_cursor"]
    assert len(seen) == len(set(seen)) == county.rows("SELECT count(*) FROM denial")[0][0]
    assert ask(person("dispatcher"), "GET", "/v1/audit/denials").status_code == 403


def test_nothing_in_the_record_can_be_changed(county, ask, recorded):
    ask(person("resident"), "PATCH", "/v1/teams/HERE-1", json={"name_zh": "演示"})
    recorded(1)
    for statement in ("UPDATE denial SET subject = 'x'", "DELETE FROM denial", "TRUNCATE denial"):
        with pytest.raises(sa.exc.DBAPIError) as refused, county.engine.begin() as connection:
            connection.exec_driver_sql(statement)
        assert isinstance(refused.value.orig, psycopg2.errors.InsufficientPrivilege)


def test_a_team_that_an_eido_leaves_out_was_asked_for_by_nobody(ask, county, recorded):
    incident, anna = county.pair()[HERE], person("dispatcher", subject="p-anna", at=(HERE,))
    county.do("incident.assign", incident=incident.id, data={"team": TEAM[THERE]})
    answer = ask(anna, "GET", f"/v1/incidents/{incident.id}/eido")
    units = answer.json()["emergencyResourceComponent"]
    described = {each["emergencyResourceName"]: "emergencyResourceTypeInternalText" in each for each in units}
    assert described == {TEAM[HERE]: True, TEAM[THERE]: False}
    assert ask(person("ops", subject="p-ben"), "PATCH", "/v1/teams/HERE-1", json={"name_zh": "演示"}).status_code == 403
    assert [each["subject"] for each in recorded(1)] == ["p-ben"]


def test_a_purpose_that_nobody_declared_is_named(ask):
    answer = ask(caller("dispatcher"), "GET", "/v1/incidents", headers={"Wangge-Purpose": "curiosity"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_purpose")
