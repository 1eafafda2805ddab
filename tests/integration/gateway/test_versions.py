"""Entity tags and preconditions: `ETag`, `If-Match`, `If-None-Match`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.gateway.responder import Responder, problem

INCIDENT = "0190a0c2-7e1a-7000-8000-0000000000aa"
ASSIGNMENT = "0190a0c2-7e1a-7000-8000-0000000000bb"
PATH = f"/v1/incidents/{INCIDENT}"
READABLE = [PATH, "/v1/teams/E39"]


def showing(**members: Any) -> Any:
    """A dispatch whose every answer has these members."""
    return lambda _method, _arguments: {"result": {"version": 3, **members}}


@pytest.mark.parametrize("path", READABLE)
def test_what_was_read_has_a_tag_and_is_304_while_nothing_changed(
    client: httpx.Client, fresh: Responder, path: str
) -> None:
    fresh.handler = showing(available=True)
    first = client.get(path)
    tag = first.headers["ETag"]
    assert tag.startswith('"3-')
    for given in (tag, f"W/{tag}", f'"1", {tag}', "*"):
        again = client.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
        assert again.headers["Cache-Control"] == "no-store"
    assert client.get(path, headers={"If-None-Match": '"2"'}).json() == first.json()


@pytest.mark.parametrize("path", READABLE)
def test_a_change_without_a_new_version_is_no_304(client: httpx.Client, fresh: Responder, path: str) -> None:
    fresh.handler = showing(available=True)
    tag = client.get(path).headers["ETag"]
    fresh.handler = showing(available=False)
    changed = client.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["available"]) == (200, False)
    assert changed.headers["ETag"] != tag


def test_the_answer_of_a_command_has_the_new_version_as_its_tag(client: httpx.Client, fresh: Responder) -> None:
    assert client.post(f"{PATH}/push").headers["ETag"] == '"2"'
    assert client.patch("/v1/teams/E39", json={"in_service": False}).headers["ETag"] == '"2"'


def test_if_match_travels_as_the_version_whichever_tag_it_came_from(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = showing()
    tag = client.get(PATH).headers["ETag"]
    fresh.handler = lambda method, arguments: accepting_all(arguments)
    fresh.seen.clear()
    for given in (tag, '"4"', "*", None):
        headers = {} if given is None else {"If-Match": given}
        assert client.post(f"{PATH}/push", headers=headers).status_code == 200
    assert client.post(f"/v1/assignments/{ASSIGNMENT}/accept", headers={"If-Match": '"5"'}).status_code == 200
    assert client.put("/v1/teams/E39/position", json={"lat": 1, "lon": 2}, headers={"If-Match": '"6"'}).is_success
    assert [command.get("if_version") for command in fresh.commands()] == [3, 4, None, None, 5, 6]


def accepting_all(arguments: dict[str, Any]) -> dict[str, Any]:
    answers = [{"ok": True, "status": 200, "replayed": False, "result": {}} for _ in arguments["commands"]]
    return {"result": {"answers": answers}}


def test_a_version_that_has_passed_is_a_412_with_the_present_one(client: httpx.Client, fresh: Responder) -> None:
    members = {"field": "if_version", "rule": "if_version", "detail": "the version is 7, not 3", "current_version": 7}
    refused = {"ok": False, "replayed": False, "problem": problem("version_mismatch", 412, **members)}
    fresh.handler = lambda _method, _arguments: {"result": {"answers": [refused]}}
    response = client.post(f"{PATH}/push", headers={"If-Match": '"3"'})
    found = response.json()
    assert (response.status_code, found["code"], found["field"]) == (412, "version_mismatch", "If-Match")
    assert (found["current_version"], response.headers["ETag"]) == (7, '"7"')


@pytest.mark.parametrize("tag", ["3", 'W/"3"', '"3", "4"', '"x"', '"0"', '"-1"', "", '"3-zz"', '"9999999999"'])
def test_what_is_not_one_strong_tag_of_ours_is_refused_before_any_call(
    client: httpx.Client, fresh: Responder, tag: str
) -> None:
    response = client.post(f"{PATH}/push", headers={"If-Match": tag})
    assert (response.status_code, response.json()["field"]) == (422, "If-Match")
    assert fresh.seen == []


def test_a_condition_on_what_is_not_there_yet_is_refused_and_not_passed_over(
    client: httpx.Client, fresh: Responder
) -> None:
    response = client.post(
        "/v1/incidents", json={"source": "police", "category": "medical"}, headers={"If-Match": '"1"'}
    )
    assert (response.status_code, response.json()["field"], response.json()["rule"]) == (422, "If-Match", "not_taken")
    assert fresh.seen == []
