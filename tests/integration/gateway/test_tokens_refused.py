"""Tokens that prove nobody: each is refused as RFC 6750 says, with the reason, and reaches no service."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from joserfc import jws

from tests.integration.gateway.issuing import LoopbackIssuer, key, segment
from tests.integration.gateway.responder import Responder, vouched_for
from tests.integration.gateway.running import GatewayProcess

OURS, RSA, ATTACKERS = key("k1"), key("k2", "RSA"), key("k1")
WEEK = 7 * 24 * 3600


@pytest.fixture(scope="module")
def issuer() -> Iterator[LoopbackIssuer]:
    with LoopbackIssuer(OURS, RSA) as made:
        yield made


@pytest.fixture(scope="module")
def other() -> Iterator[LoopbackIssuer]:
    """Another issuer that is trusted too."""
    with LoopbackIssuer(key("other")) as made:
        yield made


@pytest.fixture(scope="module")
def guarded(
    vhost: str, issuer: LoopbackIssuer, other: LoopbackIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway that takes tokens of both."""
    issuers = json.dumps([issuer.settings(jurisdiction="999999"), other.settings(jurisdiction="999999002")])
    log = tmp_path_factory.mktemp("guarded") / "gateway.log"
    with GatewayProcess(vhost, log, WANGGE_ISSUERS=issuers, WANGGE_RATE_LIMITS="off") as process:
        yield process


def ask(gateway: GatewayProcess, token: str) -> httpx.Response:
    return httpx.get(f"{gateway.url}/v1/board", headers={"Authorization": f"Bearer {token}"}, timeout=10)


def signed_with_the_public_key(issuer: LoopbackIssuer) -> str:
    """The classic confusion: the public key, which anybody has, used as a shared secret (joserfc refuses to help)."""
    signed = f"{segment({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'k2'})}.{segment(issuer.claims())}"
    return f"{signed}.{segment(hmac.digest(RSA.as_pem(private=False), signed.encode(), 'sha256'))}"


def unsigned(issuer: LoopbackIssuer, algorithm: str, signature: str = "") -> str:
    header = {"alg": algorithm, "typ": "at+jwt", "kid": "k1"}
    return f"{segment(header)}.{segment(issuer.claims())}.{signature}"


def doubled(issuer: LoopbackIssuer) -> str:
    """Signed by the right key, with a claim that stands twice."""
    claims = json.dumps(issuer.claims(sub="nobody"))[:-1] + ', "sub": "somebody"}'
    return jws.serialize_compact({"alg": "ES256", "typ": "at+jwt", "kid": "k1"}, claims, OURS)


def respelled(token: str) -> str:
    """Another base64url text of the same signature: bits at its end that decode to nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


Make = Callable[[LoopbackIssuer, LoopbackIssuer], str]
CASES: dict[str, tuple[Make, str]] = {
    "expired": (lambda i, _: i.token(i.claims(iat=int(time.time()) - 900, exp=int(time.time()) - 60)), "expired"),
    "not yet valid": (lambda i, _: i.token(i.claims(nbf=int(time.time()) + 60)), "not_yet_valid"),
    "issued tomorrow": (lambda i, _: i.token(i.claims(iat=int(time.time()) + 90)), "not_yet_valid"),
    "without an end": (lambda i, _: i.token(i.claims(exp=None)), "exp"),
    "with an end that is a text": (lambda i, _: i.token(i.claims(exp="4102444800")), "exp"),
    "with an end that is true": (lambda i, _: i.token(i.claims(exp=True)), "exp"),
    "without a beginning": (lambda i, _: i.token(i.claims(iat=None)), "iat"),
    "for a week": (lambda i, _: i.token(i.claims(exp=int(time.time()) + WEEK)), "too_long_lived"),
    "wrong audience": (lambda i, _: i.token(i.claims(aud="payroll")), "audience"),
    "wrong audiences": (lambda i, _: i.token(i.claims(aud=["payroll", "mail"])), "audience"),
    "no audience": (lambda i, _: i.token(i.claims(aud=None)), "audience"),
    "an audience that is an object": (lambda i, _: i.token(i.claims(aud={"wangge": True})), "audience"),
    "unknown issuer": (lambda i, _: i.token(i.claims(iss="https://evil.example")), "issuer"),
    "issuer with a slash": (lambda i, _: i.token(i.claims(iss=i.url + "/")), "issuer"),
    "issuer in a list": (lambda i, _: i.token(i.claims(iss=[i.url])), "issuer"),
    "issuer among others": (lambda i, _: i.token(i.claims(iss=["https://evil.example", i.url])), "issuer"),
    "no issuer": (lambda i, _: i.token(i.claims(iss=None)), "issuer"),
    "signed by the other issuer": (lambda i, o: o.token(i.claims()), "key"),
    "signed by the other issuer under our key's id": (lambda i, o: o.token(i.claims(), kid="k1"), "signature"),
    "of the other issuer, for our town": (lambda _, o: o.token(o.claims(jurisdiction="999999001")), "jurisdiction"),
    "swapped key": (lambda i, _: i.token(signer=ATTACKERS), "signature"),
    "key of another kind": (lambda i, _: i.token(kid="k2"), "key"),
    "unknown key": (lambda i, _: i.token(kid="k3"), "key"),
    "no key named": (lambda i, _: i.token(kid=None), "key"),
    "key named by a number": (lambda i, _: unsigned(i, "ES256", "AA").replace(*_kid_number()), "key"),
    "none": (lambda i, _: unsigned(i, "none", "AA"), "algorithm"),
    "none, nothing signed": (lambda i, _: unsigned(i, "none"), "malformed"),
    "NoNe": (lambda i, _: unsigned(i, "NoNe", "AA"), "algorithm"),
    "shared secret made of the public key": (lambda i, _: signed_with_the_public_key(i), "algorithm"),
    "ID token by type": (lambda i, _: i.token(typ="JWT"), "type"),
    "no type": (lambda i, _: i.token(typ=None), "type"),
    "ID token by its claims": (lambda i, _: i.token(i.claims(nonce="n")), "type"),
    "keys of its own (jwk)": (
        lambda i, _: i.token(signer=ATTACKERS, jwk=ATTACKERS.as_dict(private=False)),
        "signature",
    ),
    "keys elsewhere (jku)": (lambda i, o: i.token(signer=ATTACKERS, jku=f"{o.url}/jwks"), "signature"),
    "certificates elsewhere (x5u)": (lambda i, o: i.token(signer=ATTACKERS, x5u=f"{o.url}/jwks"), "signature"),
    "an extension that must be understood": (
        lambda i, _: ".".join([segment({"alg": "ES256", "typ": "at+jwt", "kid": "k1", "crit": ["x"], "x": 1}),
                               *i.token().split(".")[1:]]),
        "critical",
    ),
    "a claim twice": (lambda i, _: doubled(i), "malformed"),
    "claims that are a list": (lambda i, _: i.token([]), "malformed"),  # type: ignore[arg-type]
    "NaN among the claims": (lambda i, _: i.token(i.claims(exp=float("nan"))), "malformed"),
    "deeply nested": (lambda i, _: f"{segment(b'[' * 3000)}.{segment({})}.AA", "malformed"),
    "not UTF-8": (lambda i, _: f"{segment(bytes([0xFF, 0xFE]))}.{segment({})}.AA", "malformed"),
    "truncated in the signature": (lambda i, _: i.token()[:-2], "signature"),
    "truncated to two segments": (lambda i, _: i.token().rpartition(".")[0], "unknown"),
    "no signature": (lambda i, _: i.token().rpartition(".")[0] + ".", "malformed"),
    "four segments": (lambda i, _: i.token() + ".AA", "unknown"),
    "padded": (lambda i, _: i.token() + "=", "malformed"),
    "spelled another way": (lambda i, _: respelled(i.token()), "malformed"),
    "over-long": (lambda i, _: i.token(i.claims(padding="x" * 9000)), "too_long"),
    "no subject": (lambda i, _: i.token(i.claims(sub=None)), "subject"),
    "no jurisdiction": (lambda i, _: i.token(i.claims(jurisdiction=None)), "jurisdiction"),
    "an empty jurisdiction": (lambda i, _: i.token(i.claims(jurisdiction="")), "jurisdiction"),
    "a jurisdiction that is a pattern": (lambda i, _: i.token(i.claims(jurisdiction="%")), "jurisdiction"),
    "a jurisdiction outside its issuer's": (lambda i, _: i.token(i.claims(jurisdiction="33")), "jurisdiction"),
}  # fmt: skip


def _kid_number() -> tuple[str, str]:
    return segment({"alg": "ES256", "typ": "at+jwt", "kid": "k1"}), segment({"alg": "ES256", "typ": "at+jwt", "kid": 1})


def test_the_token_that_the_cases_spoil_is_good(
    guarded: GatewayProcess, issuer: LoopbackIssuer, other: LoopbackIssuer, fresh: Responder
) -> None:
    assert ask(guarded, issuer.token()).status_code == 200
    assert ask(guarded, issuer.token(signer=RSA)).status_code == 200
    assert ask(guarded, issuer.token(issuer.claims(aud=["mail", "wangge"]))).status_code == 200
    assert ask(guarded, other.token(other.claims(jurisdiction="999999002"))).status_code == 200
    actors = [vouched_for(call) for call in fresh.seen]
    assert actors[0].roles == ("dispatcher",)
    assert actors[0].jurisdictions == ("999999001",)
    assert actors[0].client == "desk"
    # The same `sub` of two issuers is two persons.
    assert actors[0].subject == actors[1].subject != actors[3].subject


@pytest.mark.parametrize(("make", "rule"), CASES.values(), ids=CASES.keys())
def test_a_bad_token_is_a_401_with_its_reason_and_reaches_no_service(
    guarded: GatewayProcess, issuer: LoopbackIssuer, other: LoopbackIssuer, fresh: Responder, make: Make, rule: str
) -> None:
    answer = ask(guarded, make(issuer, other))
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("rule")) == (401, "invalid_token", rule), problem
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="wangge", error="invalid_token", error_description="{rule}"'
    )
    assert fresh.seen == []


def test_a_token_with_one_bit_flipped_is_refused(
    guarded: GatewayProcess, issuer: LoopbackIssuer, fresh: Responder
) -> None:
    """One bit of each character; tests/unit/gateway/test_verification.py flips every one."""
    token = issuer.token().encode()
    outcomes: list[tuple[int, int, Any]] = []
    with httpx.Client(base_url=guarded.url, timeout=10) as client:
        for place in range(0, len(token), 5):
            flipped = bytearray(token)
            flipped[place] ^= 1 << place % 5
            if not 0x20 < flipped[place] < 0x7F:
                continue  # no octet of a header's value: such a request is not HTTP
            answer = client.get("/v1/board", headers={b"Authorization": b"Bearer " + bytes(flipped)})
            if (answer.status_code, answer.json()["code"]) != (401, "invalid_token"):
                outcomes.append((place, answer.status_code, answer.json()))
    assert outcomes == []
    assert fresh.seen == []


def test_an_unknown_key_id_does_not_make_the_gateway_hammer_the_issuer(
    guarded: GatewayProcess, issuer: LoopbackIssuer
) -> None:
    ask(guarded, issuer.token())
    before = issuer.asked
    for number in range(50):
        assert ask(guarded, issuer.token(kid=f"invented-{number}")).status_code == 401
    assert issuer.asked - before <= 1
