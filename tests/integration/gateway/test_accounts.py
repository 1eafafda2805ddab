"""The county's own accounts, over HTTP, on two gateway processes with one database."""

from __future__ import annotations

import base64
import statistics
import time
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func

from gateway.accounts import administration
from gateway.accounts.sealing import Sealing
from gateway.accounts.signing import key_ring
from gateway.accounts.tables import account, audit, refresh_token, session, signing_key
from tests.integration.gateway.county_accounts import ANOTHER, PASSWORD, CountyAccounts, Person, code_now
from tests.integration.gateway.responder import Responder, vouched_for
from tests.integration.gateway.running import TOKEN, GatewayProcess


def test_who_signs_in_is_known_to_services_by_id_roles_and_jurisdiction(
    one: GatewayProcess, county: CountyAccounts, fresh: Responder
) -> None:
    account_id = county.add("desk-1")
    person = Person(one.url)
    answer = person.sign_in("Desk-1")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["expires_in"] == 300
    assert person.status() == 200
    actor = vouched_for(fresh.seen[0])
    assert (actor.subject, actor.roles, actor.jurisdictions) == (account_id, ("dispatcher",), ("999999001",))
    assert (actor.credential, actor.client) == ("person", "account")
    assert person.call("GET", "/v1/auth/me").json()["subject"] == account_id


def test_the_keys_that_check_the_tokens_are_published(one: GatewayProcess) -> None:
    (key,) = httpx.get(f"{one.url}/.well-known/jwks.json").json()["keys"]
    assert (key["kty"], key["alg"], key["use"]) == ("EC", "ES256", "sig")
    assert "d" not in key


def test_an_unknown_login_a_wrong_password_and_a_closed_account_are_told_the_same(
    one: GatewayProcess, county: CountyAccounts
) -> None:
    county.add("desk-2")
    county.add("desk-3")
    county.run(administration.set_disabled, "test", "desk-3", disabled=True)
    person = Person(one.url)
    answers = [person.sign_in("desk-2", "wrong"), person.sign_in("nobody-here"), person.sign_in("desk-3")]
    assert [answer.status_code for answer in answers] == [400, 400, 400]
    told = [{**answer.json(), "request_id": ""} for answer in answers]
    assert told[0] == told[1] == told[2]
    assert (told[0]["code"], told[0]["error"]) == ("invalid_grant", "invalid_grant")


def test_an_unknown_login_takes_as_long_as_a_wrong_password(one: GatewayProcess, county: CountyAccounts) -> None:
    def seconds(login: str, number: int) -> float:
        headers = {"X-Forwarded-For": f"10.0.{number}.1"}
        form = {"grant_type": "password", "username": login, "password": "wrong"}
        started = time.perf_counter()
        assert httpx.post(f"{one.url}/v1/auth/token", data=form, headers=headers, timeout=20).status_code == 400
        return time.perf_counter() - started

    county.add("desk-4")
    known = [seconds("desk-4", number) for number in range(12)]
    unknown = [seconds(f"nobody-{number}", number) for number in range(12)]
    # Without the hash of nobody's password an unknown login would answer in a tenth of the time.
    assert min(unknown) > min(known) / 2
    assert statistics.median(unknown) < statistics.median(known) * 3


def test_after_five_failures_a_place_waits_and_the_owner_elsewhere_does_not(
    one: GatewayProcess, county: CountyAccounts
) -> None:
    county.add("desk-5")

    def attempt(address: str, password: str) -> httpx.Response:
        form = {"grant_type": "password", "username": "desk-5", "password": password}
        headers = {"X-Forwarded-For": address}
        return httpx.post(f"{one.url}/v1/auth/token", data=form, headers=headers, timeout=20)

    assert attempt("192.0.2.1", PASSWORD).status_code == 200
    answers = [attempt("198.51.100.7", f"guess-{number}") for number in range(9)]
    assert [answer.status_code for answer in answers[:5]] == [400] * 5
    late = next(answer for answer in answers if answer.status_code == 429)
    assert late.json()["code"] == "too_many_attempts"
    assert int(late.headers["Retry-After"]) >= 1
    assert attempt("198.51.100.99", PASSWORD).status_code == 429, "the same network, the right password"
    assert attempt("192.0.2.200", PASSWORD).status_code == 200, "where the owner was before"


@pytest.mark.parametrize(
    ("new", "rule"),
    [("short", "too_short"), (PASSWORD, "unchanged"), ("xy-desk-10-xy-z", "contains_login"),
     ("password2026!", "common"), ("abababababab", "repetition"), ("1234567890123", "sequence")],
)  # fmt: skip
def test_a_weak_password_is_refused_by_rule(one: GatewayProcess, county: CountyAccounts, new: str, rule: str) -> None:
    login = "desk-10"
    if not [row for row in county.run(administration.every) if row.login == login]:
        county.add(login)
    person = Person(one.url)
    person.sign_in(login)
    refused = person.call("POST", "/v1/auth/password", json={"password": PASSWORD, "new_password": new})
    assert (refused.status_code, refused.json()["code"], refused.json()["rule"]) == (422, "weak_password", rule)


def test_a_new_account_can_do_nothing_before_its_password_is_changed(
    one: GatewayProcess, county: CountyAccounts, fresh: Responder
) -> None:
    county.add("desk-11", fresh=True)
    person = Person(one.url)
    assert person.sign_in("desk-11").json()["setup_required"] is True
    refused = person.call("GET", "/v1/board")
    assert (refused.status_code, refused.json()["code"]) == (403, "setup_required")
    assert person.call("GET", "/v1/auth/me").json()["roles"] == []
    assert fresh.seen == []
    body = {"password": PASSWORD, "new_password": ANOTHER}
    assert person.call("POST", "/v1/auth/password", json=body).status_code == 204
    assert person.refresh().json()["setup_required"] is False
    assert person.status() == 200


def test_a_first_password_that_nobody_changed_for_a_week_signs_nobody_in(
    one: GatewayProcess, county: CountyAccounts
) -> None:
    county.add("desk-16", fresh=True)
    assert Person(one.url).sign_in("desk-16").status_code == 200
    old = account.update().where(account.c.login == "desk-16").values(password_at=func.now() - timedelta(days=8))
    county.run(lambda connection: connection.execute(old))
    assert Person(one.url).sign_in("desk-16").status_code == 400


def test_a_privileged_role_needs_a_second_factor_whose_codes_count_once(
    one: GatewayProcess, county: CountyAccounts
) -> None:
    county.add("chief", ["county_lead"])
    person = Person(one.url)
    assert person.sign_in("chief").json()["setup_required"] is True
    assert person.status() == 403
    secret, used, recovery = person.set_up_second_factor()
    assert person.refresh().json()["setup_required"] is False
    assert person.status() == 200
    again = Person(one.url)
    assert again.sign_in("chief").json()["code"] == "second_factor_required"
    assert again.sign_in("chief", otp=used).status_code == 400, "the code that confirmed it was used up"
    # Made once and shown twice: on a slow machine the app's next code would be another one.
    later = code_now(secret, 1)
    assert again.sign_in("chief", otp=later).status_code == 200
    assert again.sign_in("chief", otp=later).status_code == 400
    assert again.sign_in("chief", otp=recovery[0].upper()).status_code == 200
    assert again.sign_in("chief", otp=recovery[0]).status_code == 400
    conflict = again.call("POST", "/v1/auth/totp", json={"password": PASSWORD})
    assert (conflict.status_code, conflict.json()["code"]) == (409, "second_factor_in_force")


def test_what_is_no_grant_is_refused_as_oauth_says(one: GatewayProcess) -> None:
    person = Person(one.url)
    refused = person.ask("implicit")
    assert (refused.status_code, refused.json()["error"]) == (400, "unsupported_grant_type")
    missing = person.ask("password", username="x")
    assert (missing.status_code, missing.json()["field"]) == (422, "password")
    twice = person.post(
        "/v1/auth/token",
        content=b"grant_type=password&grant_type=refresh_token",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert twice.status_code == 422
    assert person.refresh("wgr_invented").json()["code"] == "invalid_grant"


def test_a_developer_has_no_account_to_change(one: GatewayProcess) -> None:
    person = Person(one.url)
    person.tokens = {"access_token": TOKEN}
    assert person.call("GET", "/v1/auth/me").json()["credential"] == "development"
    body = {"password": "x", "new_password": ANOTHER}
    assert person.call("POST", "/v1/auth/password", json=body).status_code in (401, 403)


def test_signing_keys_that_no_longer_open_are_replaced_and_still_verify(
    one: GatewayProcess, county: CountyAccounts
) -> None:
    county.add("desk-17")
    person = Person(one.url)
    person.sign_in("desk-17")
    (before,) = county.run(lambda connection: connection.execute(signing_key.select()).all())
    other = Sealing(base64.b64encode(bytes(range(32))).decode(), mode="production")
    ring = county.run(key_ring, other)
    assert ring.signer.kid != before.kid
    assert before.kid in ring.public
    assert person.status() == 200


def test_nothing_that_opens_anything_lies_in_the_database_or_the_log(
    pair: tuple[GatewayProcess, GatewayProcess], county: CountyAccounts
) -> None:
    county.add("desk-15")
    person = Person(pair[0].url)
    person.sign_in("desk-15")
    tables = (audit, refresh_token, session, signing_key)
    kept = repr([county.run(lambda c, t=table: c.execute(t.select()).all()) for table in tables])
    logged = pair[0].log.read_text() + pair[1].log.read_text()
    for secret in (PASSWORD, ANOTHER, person.tokens["refresh_token"], person.tokens["access_token"]):
        assert secret not in kept
        assert secret not in logged
    assert "desk-15" not in logged
    assert '"d"' not in kept
