"""Who a service believes: the gateway, for one service, about one caller, for a while; and nobody else."""

from __future__ import annotations

import base64
import time
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import assertions
from chassis.actor import CREDENTIALS, NOBODY, Actor
from chassis.assertions import (
    ACCEPTED_SECONDS,
    DEVELOPMENT_ACTOR_KEY,
    REMEMBERED,
    RENEW_SECONDS,
    Assertions,
    Verifier,
    encode_key,
    public_key_of,
)
from chassis.errors import Unauthenticated
from chassis.serving import ServingSettings
from chassis.settings import SettingsError, load
from tests.support.callers import DEVELOPER

OURS, OTHERS = encode_key(b"a" * 32), encode_key(b"b" * 32)
ANNA = Actor("p-0001", "desk", ("dispatcher",), ("999999001", "999999002"), "call_back", scopes=("incident.read",))


def verifier(keys: str = "", audience: str = "dispatch", mode: str = "development") -> Verifier:
    return Verifier(keys or public_key_of(OURS), audience, mode=mode)


def refused(text: object, by: Verifier | None = None) -> bool:
    with pytest.raises(Unauthenticated):
        (by or verifier())(text)
    return True


def unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


texts = st.text(min_size=1, max_size=20)
actors = st.builds(
    Actor, texts, texts, st.lists(texts).map(tuple), st.lists(st.text("0123456789", max_size=17)).map(tuple),
    st.none() | texts, st.sampled_from(CREDENTIALS), st.none() | st.lists(texts).map(tuple),
)  # fmt: skip


@given(actors)
def test_a_service_hears_of_exactly_the_actor_that_the_gateway_knows(actor: Actor) -> None:
    assert verifier()(Assertions(OURS).of(actor, "dispatch")) == actor


def test_what_was_signed_is_used_again_and_is_signed_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    signing, now = Assertions(OURS), time.monotonic()
    first = signing.of(ANNA, "dispatch")
    assert signing.of(replace(ANNA), "dispatch") is first
    assert signing.of(ANNA, "registry") != first
    assert signing.of(replace(ANNA, roles=()), "dispatch") != first
    monkeypatch.setattr(assertions.time, "monotonic", lambda: now + RENEW_SECONDS + 1)
    assert signing.of(ANNA, "dispatch") is not first


@pytest.mark.parametrize("text", [None, "", 7, b"x", "x", "a.b", "a.b.c", "..", "中.文.字", ["x"]])
def test_what_is_no_assertion_is_nobody(text: object) -> None:
    assert refused(text)


@given(st.integers(0, 2000), st.integers(0, 7))
def test_one_changed_bit_is_nobody(at: int, bit: int) -> None:
    raw = bytearray(Assertions(OURS).of(ANNA, "dispatch").encode())
    raw[at % len(raw)] ^= 1 << bit
    changed = raw.decode("latin-1")
    # The last character of a part has bits that carry nothing: then it says the same, or is refused.
    try:
        assert verifier()(changed) == ANNA
    except Unauthenticated:
        return


def test_a_part_cut_off_or_put_from_another_is_nobody() -> None:
    head, body, signature = Assertions(OURS).of(ANNA, "dispatch").split(".")
    other = Assertions(OURS).of(replace(ANNA, roles=("county_lead",)), "dispatch").split(".")
    for text in (f"{head}.{body}.", f"{head}..{signature}", f".{body}.{signature}", f"{head}.{other[1]}.{signature}"):
        assert refused(text)


@pytest.mark.parametrize(
    "head", [{"alg": "none"}, {"alg": "HS256", "typ": "wangge-actor+jwt"}, {"alg": "EdDSA", "typ": "JWT"}]
)
def test_no_algorithm_is_taken_from_a_message(head: dict[str, str]) -> None:
    _, body, signature = Assertions(OURS).of(ANNA, "dispatch").split(".")
    for tail in (signature, ""):
        assert refused(f"{unpadded(orjson.dumps(head))}.{body}.{tail}")


def test_the_word_of_a_gateway_with_another_key_is_nothing_until_its_key_is_listed() -> None:
    text = Assertions(OTHERS).of(ANNA, "dispatch")
    assert refused(text)
    assert verifier(f"{public_key_of(OURS)},{public_key_of(OTHERS)}")(text) == ANNA


def test_what_one_service_was_told_opens_no_other() -> None:
    assert refused(Assertions(OURS).of(ANNA, "registry"))


@pytest.mark.parametrize("hours", [-1.9, -1, 1, 1.9])
def test_a_clock_that_is_wrong_by_an_hour_stops_nobody(hours: float, monkeypatch: pytest.MonkeyPatch) -> None:
    text, now = Assertions(OURS).of(ANNA, "dispatch"), time.time()
    monkeypatch.setattr(assertions.time, "time", lambda: now + hours * 3600)
    assert verifier()(text) == ANNA


@pytest.mark.parametrize("sign", [-1, 1])
def test_an_assertion_of_another_time_is_nobody_also_when_it_is_remembered(
    sign: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, now, by = Assertions(OURS).of(ANNA, "dispatch"), time.time(), verifier()
    assert by(text) == ANNA
    monkeypatch.setattr(assertions.time, "time", lambda: now + sign * (ACCEPTED_SECONDS + 2))
    assert refused(text, by)


def test_production_knows_no_developer() -> None:
    text = Assertions(OURS).of(DEVELOPER, "dispatch")
    assert verifier()(text) == DEVELOPER
    assert refused(text, verifier(mode="production"))


@pytest.mark.parametrize("keys", ["", public_key_of(DEVELOPMENT_ACTOR_KEY)])
def test_production_refuses_to_serve_on_the_development_key(keys: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(ServingSettings, {"WANGGE_MODE": "production", "WANGGE_ACTOR_KEYS": keys})
    assert refusal.value.problems.keys() == {"WANGGE_ACTOR_KEYS"}


def test_memory_on_both_sides_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assertions, "REMEMBERED", 3)
    assert REMEMBERED > 3
    signing, by = Assertions(OURS), verifier()
    for number in range(10):
        by(signing.of(replace(ANNA, subject=str(number)), "dispatch"))
    assert len(signing._signed) == len(by._verified) == 3


def test_jurisdictions_are_prefixes_and_none_of_them_is_nothing() -> None:
    assert ANNA.covers("999999001001")
    assert not ANNA.covers("999999003")
    assert not ANNA.covers("999999")
    assert (NOBODY.covers("999999"), NOBODY.within("")) == (False, ())
    assert ANNA.within("") == ("999999001", "999999002")
    assert ANNA.within("999999001001") == ("999999001001",)
    assert ANNA.within("999999003") == ()
    assert DEVELOPER.within("") == ("",)
