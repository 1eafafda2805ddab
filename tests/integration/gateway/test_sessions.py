"""Sessions: tokens that are renewed, stolen, taken back; on two gateway processes with one database."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func

from gateway.accounts import administration
from gateway.accounts.tables import session
from tests.integration.gateway.county_accounts import ANOTHER, PASSWORD, CountyAccounts, Person
from tests.integration.gateway.responder import Responder, vouched_for
from tests.integration.gateway.running import GatewayProcess
from tests.support.eventually import eventually


def elsewhere(person: Person, gateway: GatewayProcess) -> int:
    """The status that the same token has on another gateway."""
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}"}
    return httpx.get(f"{gateway.url}/v1/board", headers=headers, timeout=20).status_code


def test_a_refresh_token_is_good_once_and_a_second_use_ends_the_family_everywhere(
    pair: tuple[GatewayProcess, GatewayProcess], county: CountyAccounts
) -> None:
    one, two = pair
    county.add("desk-6")
    owner = Person(one.url)
    owner.sign_in("desk-6")
    stolen = owner.tokens["refresh_token"]
    assert owner.refresh().status_code == 200
    assert owner.refresh().status_code == 200
    assert elsewhere(owner, two) == 200
    thief = Person(two.url)
    refused = thief.refresh(stolen)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_grant")
    assert owner.refresh().status_code == 400
    eventually(lambda: owner.status() == 401 and elsewhere(owner, two) == 401, within=2)
    assert owner.call("GET", "/v1/board").json()["rule"] == "taken_back"


def test_an_answer_that_never_arrived_may_be_asked_for_again_but_not_by_two(
    one: GatewayProcess, county: CountyAccounts
) -> None:
    county.add("desk-7")
    owner = Person(one.url)
    owner.sign_in("desk-7")
    first = owner.tokens["refresh_token"]
    lost = Person(one.url)
    assert lost.refresh(first).status_code == 200
    assert owner.refresh(first).status_code == 200, "nobody has used the successor yet"
    assert lost.refresh().status_code == 400, "the successor went to somebody else: one of the two is a thief"
    assert owner.refresh().status_code == 400


def test_two_uses_of_a_refresh_token_at_once_do_not_both_go_on(one: GatewayProcess, county: CountyAccounts) -> None:
    county.add("desk-8")
    owner = Person(one.url)
    owner.sign_in("desk-8")
    shown = owner.tokens["refresh_token"]
    people = [Person(one.url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda person: person.refresh(shown), people))
    going_on = [person.refresh().status_code for person in people if person.tokens]
    assert going_on.count(200) <= 1


def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(
    pair: tuple[GatewayProcess, GatewayProcess], county: CountyAccounts
) -> None:
    one, two = pair
    county.add("desk-9")
    here, there = Person(one.url), Person(two.url)
    here.sign_in("desk-9")
    there.sign_in("desk-9")
    assert there.status() == 200
    changed = here.call("POST", "/v1/auth/password", json={"password": PASSWORD, "new_password": ANOTHER})
    assert changed.status_code == 204, changed.text
    eventually(lambda: there.status() == 401, within=2)
    assert there.refresh().status_code == 400
    assert here.status() == 200
    assert Person(one.url).sign_in("desk-9").status_code == 400
    assert Person(one.url).sign_in("desk-9", ANOTHER).status_code == 200


def test_rights_taken_away_are_gone_with_the_next_request_on_every_gateway(
    pair: tuple[GatewayProcess, GatewayProcess], county: CountyAccounts, fresh: Responder
) -> None:
    one, two = pair
    county.add("desk-12")
    person = Person(one.url)
    person.sign_in("desk-12")
    assert (person.status(), elsewhere(person, two)) == (200, 200)
    county.run(administration.set_rights, "test", "desk-12", ["grid_worker"], None)
    eventually(lambda: (person.status(), elsewhere(person, two)) == (401, 401), within=2)
    assert person.refresh().status_code == 200
    fresh.seen.clear()
    assert person.status() == 200
    assert vouched_for(fresh.seen[0]).roles == ("grid_worker",)


def test_a_closed_account_is_out_everywhere_within_a_moment(
    pair: tuple[GatewayProcess, GatewayProcess], county: CountyAccounts
) -> None:
    one, two = pair
    county.add("desk-13")
    person = Person(two.url)
    person.sign_in("desk-13")
    assert (person.status(), elsewhere(person, one)) == (200, 200)
    started = time.monotonic()
    county.run(administration.set_disabled, "test", "desk-13", disabled=True)
    eventually(lambda: (person.status(), elsewhere(person, one)) == (401, 401), within=2)
    assert time.monotonic() - started < 2
    assert person.refresh().status_code == 400
    assert person.sign_in("desk-13").status_code == 400


def test_signing_out_ends_a_session_and_signing_out_everywhere_ends_all(
    pair: tuple[GatewayProcess, GatewayProcess], county: CountyAccounts
) -> None:
    one, two = pair
    county.add("desk-14")
    first, second, third = Person(one.url), Person(two.url), Person(two.url)
    for person in (first, second, third):
        person.sign_in("desk-14")
    gone = first.post("/v1/auth/revoke", data={"token": first.tokens["refresh_token"]})
    assert gone.status_code == 200
    eventually(lambda: first.status() == 401, within=2)
    assert second.status() == 200
    assert second.call("POST", "/v1/auth/revoke-all", json={}).json()["field"] == "password"
    wrong = second.call("POST", "/v1/auth/revoke-all", json={"password": "not this one"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_grant")
    assert third.status() == 200
    assert second.call("POST", "/v1/auth/revoke-all", json={"password": PASSWORD}).json() == {"sessions": 2}
    eventually(lambda: (second.status(), third.status()) == (401, 401), within=2)
    unknown = first.post("/v1/auth/revoke", data={"token": "wgr_nothing"})
    assert unknown.status_code == 200


@pytest.mark.parametrize("end", ["idle_until", "ends_at"])
def test_a_session_that_lies_unused_or_has_lasted_its_time_is_over(
    one: GatewayProcess, county: CountyAccounts, end: str
) -> None:
    login = f"desk-{end.partition('_')[0]}"
    account_id = county.add(login)
    person = Person(one.url)
    person.sign_in(login)
    assert person.refresh().status_code == 200
    past = session.update().where(session.c.account_id == account_id).values({end: func.now() - timedelta(seconds=1)})
    county.run(lambda connection: connection.execute(past))
    assert person.refresh().status_code == 400
    assert person.sign_in(login).status_code == 200


def test_factors_change_only_after_the_password_is_given_again(one: GatewayProcess, county: CountyAccounts) -> None:
    county.add("desk-20")
    person = Person(one.url)
    person.sign_in("desk-20")
    wrong = {"password": "not it"}
    assert person.call("POST", "/v1/auth/totp", json=wrong).status_code == 400
    changed = person.call("POST", "/v1/auth/password", json={**wrong, "new_password": ANOTHER})
    assert (changed.status_code, changed.json()["code"]) == (400, "invalid_grant")


def test_refresh_tokens_and_keys_are_no_bearer_tokens_of_a_person(one: GatewayProcess, county: CountyAccounts) -> None:
    county.add("desk-21")
    person = Person(one.url)
    person.sign_in("desk-21")
    person.tokens["access_token"] = person.tokens["refresh_token"]
    assert person.status() == 401


def test_people_see_where_they_are_signed_in_and_end_one_of_them_but_nobody_elses(
    one: GatewayProcess, county: CountyAccounts
) -> None:
    county.add("desk-22")
    county.add("desk-23")
    here, there, other = Person(one.url), Person(one.url), Person(one.url)
    here.sign_in("desk-22")
    there.sign_in("desk-22")
    other.sign_in("desk-23")
    shown = here.call("GET", "/v1/auth/sessions").json()["sessions"]
    assert sorted(each["current"] for each in shown) == [False, True]
    (elsewhere_id,) = [each["session_id"] for each in shown if not each["current"]]
    end, again = f"/v1/auth/sessions/{elsewhere_id}/revoke", {"json": {"password": PASSWORD}}
    assert other.call("POST", end, **again).json() == {"sessions": 0}
    assert here.call("POST", end, json={"password": "not this one"}).status_code == 400
    assert there.status() == 200
    assert here.call("POST", end, **again).json() == {"sessions": 1}
    eventually(lambda: there.status() == 401, within=2)
    assert here.status() == 200
