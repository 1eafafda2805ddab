"""A signed token, bit by bit and claim by claim, without a network."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey

from chassis.errors import ServiceError
from gateway.security.compact import BadToken, unpack
from gateway.security.issuer import Issuer
from gateway.security.issuer_keys import fits, readable
from gateway.security.recognition import Recognition, TrustedIssuer
from gateway.security.token import DevelopmentToken
from gateway.security.verification import actor_of, check_claims, subject_of

ISSUER = Issuer("https://id.example", ("wangge",))
NOW = 1_800_000_000.0
SIGNER = ECKey.generate_key("P-256", parameters={"kid": "k1"})
CLAIMS: dict[str, Any] = {
    "iss": "https://id.example", "aud": "wangge", "sub": "officer-7", "iat": NOW, "exp": NOW + 300,
    "roles": ["dispatcher"], "jurisdiction": "999999001",
}  # fmt: skip


class HeldKeys:
    """A key set without anybody to fetch it from."""

    async def key(self, kid: str, algorithm: str) -> Key:
        if kid != "k1":
            raise BadToken("key")
        return SIGNER


def signed(claims: dict[str, Any]) -> str:
    return jws.serialize_compact({"alg": "ES256", "typ": "at+jwt", "kid": "k1"}, json.dumps(claims), SIGNER)


def recognition(clock: Any = lambda: NOW) -> Recognition:
    return Recognition(DevelopmentToken(""), {ISSUER.issuer: TrustedIssuer(ISSUER, HeldKeys())}, clock=clock)


def outcome(token: str, by: Recognition | None = None) -> str:
    """`accepted`, or the code of the refusal; the coroutine runs to its end at once, for nothing in it waits."""
    asking = (by or recognition()).recognise(f"Bearer {token}")
    try:
        asking.send(None)
    except StopIteration:
        return "accepted"
    except ServiceError as error:
        return error.code
    raise AssertionError("it waited")


def test_every_single_bit_of_a_token_counts() -> None:
    token = signed(CLAIMS)
    assert outcome(token) == "accepted"
    accepted = [
        bit
        for bit in range(len(token) * 8)
        if outcome(token[: bit // 8] + chr(ord(token[bit // 8]) ^ 1 << bit % 8) + token[bit // 8 + 1 :])
        != "invalid_token"
    ]
    assert accepted == []


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda each: each.decode("latin-1")))
def test_no_text_makes_the_gateway_fall(text: str) -> None:
    assert outcome(text) in ("invalid_token", "missing_token")
    assert outcome(f"{text}.{text}.{text}") in ("invalid_token", "missing_token")


@given(
    st.dictionaries(
        st.sampled_from([*CLAIMS, "nbf", "client_id", "azp"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_claims_of_any_shape_are_accepted_or_refused_and_never_break_anything(changes: dict[str, Any]) -> None:
    claims = {**CLAIMS, **changes}
    try:
        check_claims(claims, ISSUER, NOW)
        actor = actor_of(claims, ISSUER)
    except BadToken:
        return
    assert claims["iss"] == ISSUER.issuer
    assert actor.jurisdictions
    assert all(each.isdigit() for each in actor.jurisdictions)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"exp": NOW - 29}, None), ({"exp": NOW - 30}, "expired"), ({"nbf": NOW + 30}, None),
        ({"nbf": NOW + 31}, "not_yet_valid"), ({"iat": NOW + 31}, "not_yet_valid"), ({"nbf": -1}, "nbf"),
        ({"exp": NOW + 24 * 3600}, None), ({"exp": NOW + 24 * 3600 + 1}, "too_long_lived"),
    ],
)  # fmt: skip
def test_the_leeway_is_thirty_seconds_each_way(changes: dict[str, Any], rule: str | None) -> None:
    refusing = nullcontext() if rule is None else pytest.raises(BadToken)
    with refusing as refused:
        check_claims({**CLAIMS, **changes}, ISSUER, NOW)
    assert refused is None or refused.value.rule == rule


def test_roles_are_those_that_the_issuer_may_give_under_our_names() -> None:
    bounded = Issuer(
        "https://id.example", ("wangge",), roles_claim="realm.roles", role_names={"lead": "ops", "desk": "dispatcher"},
        roles=frozenset({"dispatcher"}), jurisdiction="999999",
    )  # fmt: skip
    actor = actor_of({**CLAIMS, "realm": {"roles": ["lead", "desk", "auditor"]}}, bounded)
    assert actor.roles == ("dispatcher",)
    several = actor_of({**CLAIMS, "jurisdiction": ["999999002", "999999001", "888888001", "99", "x"]}, bounded)
    assert several.jurisdictions == ("999999001", "999999002")
    with pytest.raises(BadToken) as refused:
        actor_of({**CLAIMS, "jurisdiction": "888888"}, bounded)
    assert refused.value.rule == "jurisdiction"


def test_a_claim_may_be_named_by_an_address_or_by_a_path() -> None:
    named = Issuer("https://id.example", ("wangge",), roles_claim="https://claims.example/roles")
    assert actor_of({**CLAIMS, "https://claims.example/roles": "dispatcher ops"}, named).roles == ("dispatcher", "ops")


def test_the_subject_of_an_issuer_is_opaque_stable_and_its_own() -> None:
    assert subject_of("https://a.example", "zhang@county.example") == subject_of(
        "https://a.example", "zhang@county.example"
    )
    assert subject_of("https://a.example", "7") != subject_of("https://b.example", "7")


def test_a_remembered_token_is_looked_at_again_within_a_minute_and_never_outlives_its_end() -> None:
    moment = [NOW]
    by = recognition(lambda: moment[0])
    token = signed({**CLAIMS, "exp": NOW + 40})
    assert outcome(token, by) == "accepted"
    moment[0] = NOW + 39
    assert outcome(token, by) == "accepted"
    moment[0] = NOW + 71
    assert outcome(token, by) == "invalid_token"


def test_a_remembered_token_costs_a_command_next_to_nothing() -> None:
    by = recognition()
    token = signed(CLAIMS)
    assert outcome(token, by) == "accepted"
    started = time.process_time()
    for _ in range(1000):
        outcome(token, by)
    assert time.process_time() - started < 0.05, "more than 50 µs a request"


@pytest.mark.filterwarnings("ignore:Key size")
def test_keys_that_must_not_check_a_token_are_not_read() -> None:
    good = ECKey.generate_key("P-256", parameters={"kid": "good"}).as_dict(private=False)
    short = RSAKey.generate_key(1024, parameters={"kid": "short"}, private=True).as_dict(private=False)
    entries = [
        good, short, {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}, {**good, "kid": "sealing", "use": "enc"},
        {**good, "kid": ""}, {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AA", "y": "AA"}, "nothing", None,
    ]  # fmt: skip
    assert list(readable({"keys": entries})) == ["good"]
    assert readable({"keys": {"not": "a list"}}) == {}


def test_a_key_checks_the_algorithm_it_is_for_and_no_other() -> None:
    curve = ECKey.generate_key("P-256", parameters={"kid": "a"})
    rsa = RSAKey.generate_key(2048, parameters={"kid": "b", "alg": "PS256"})
    assert fits(curve, "ES256")
    assert not fits(curve, "RS256")
    assert fits(rsa, "PS256")
    assert not fits(rsa, "RS256")


def test_a_token_is_taken_apart_without_being_believed() -> None:
    assert unpack(signed(CLAIMS)).claims["sub"] == "officer-7"
