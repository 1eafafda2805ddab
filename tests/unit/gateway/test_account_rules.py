"""The rules of accounts without a database: passwords, one-time codes, waits, what a proxy may say."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidInput, Unavailable
from gateway.accounts import passwords, totp
from gateway.accounts.logins import checked
from gateway.accounts.passwords import MOST_WAITING, Passwords, check_password
from gateway.accounts.record import note
from gateway.accounts.refusals import WeakPassword
from gateway.accounts.throttle import source_of, wait_after
from gateway.security.proxies import CERTIFICATE, TrustedProxies, parse_networks

RFC_6238_SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("moment", "expected"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
     (2000000000, "69279037"), (20000000000, "65353130")],
)  # fmt: skip
def test_codes_are_those_of_the_standards_own_table(moment: int, expected: str) -> None:
    """RFC 6238 appendix B, SHA-1; its eight digits end in our six."""
    assert totp.code(RFC_6238_SECRET, moment // 30) == expected[-6:]


def test_a_code_counts_one_step_early_or_late_and_never_twice() -> None:
    now = 1_800_000_000.0
    step = int(now) // 30
    for drift, found in ((-2, None), (-1, step - 1), (0, step), (1, step + 1), (2, None)):
        assert totp.matching_step(RFC_6238_SECRET, totp.code(RFC_6238_SECRET, step + drift), now, 0) == found
    assert totp.matching_step(RFC_6238_SECRET, totp.code(RFC_6238_SECRET, step), now, step) is None
    assert totp.matching_step(RFC_6238_SECRET, "未知验证码", now, 0) is None


def test_the_address_for_an_app_escapes_what_a_login_may_hold() -> None:
    assert totp.uri(b"x" * 20, "a@b", "county.example").startswith("otpauth://totp/county.example%3Aa%40b?secret=")


def test_recovery_codes_are_ten_and_typed_as_one_likes() -> None:
    codes = totp.recovery_codes()
    assert len(set(codes)) == 10
    assert totp.recovery_text(codes[0].upper().replace("-", " ")) == totp.recovery_text(codes[0])


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("x" * 11, "too_short"), ("abc " * 50, "too_long"), ("with\ncontrol chars", "control"),
        ("aaaaaaaaaaaaaa", "repetition"), ("abcabcabcabcabc", "repetition"), ("abcdefghijklmnop", "sequence"),
        ("qwertyuiopas", "sequence"), ("098765432109", "sequence"), ("Password12345", "common"),
        ("P@ssw0rd2026!!", "common"), ("网格密码123456", "too_short"), ("wangge-admin-1", "common"),
        ("ｐａｓｓｗｏｒｄ12345", "common"), ("SonyEricsson", "common"), ("1qaz2wsx3edc", "sequence"),
        ("q1w2e3r4t5y6", "sequence"),
        ("NeedForSpeed", "common"), ("the desk-7 password", "contains_login"),
    ],
)  # fmt: skip
def test_passwords_that_are_guessed_first_are_refused_by_rule(password: str, rule: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        check_password(password, "desk-7")
    assert refused.value.rule == rule


@pytest.mark.parametrize(
    "password",
    [
        "korrekt Pferd Batterie",
        "nine tall bicycles sing",
        "春江潮水连海平海上明月共潮生",
        "gV7#kd02mQ-zR",
        "a" * 3 + "bcdxyzqrst 9",
    ],
)
def test_long_passwords_of_any_characters_are_taken(password: str) -> None:
    check_password(password, "desk-7")


@given(st.text(max_size=200))
def test_any_text_is_taken_or_refused(password: str) -> None:
    with suppress(WeakPassword):
        check_password(password, "desk-7")


def test_the_same_password_from_another_keyboard_fits() -> None:
    async def scenario() -> None:
        keeper = Passwords()
        encoded = await keeper.hashed("ｆｕｌｌ width letters")
        assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert await keeper.fits("full width letters", encoded)
        assert not await keeper.fits("full width letter", encoded)
        assert not await keeper.fits("anything", None)
        assert not await keeper.fits("x" * 100_000, encoded)
        assert not passwords.is_outdated(encoded)
        keeper.stop()

    asyncio.run(scenario())


def test_more_than_a_few_dozen_waiting_are_told_to_come_back() -> None:
    async def scenario() -> list[object]:
        keeper = Passwords()
        asked = [keeper.fits("x", None) for _ in range(MOST_WAITING + 5)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        keeper.stop()
        return list(answers)

    answers = asyncio.run(scenario())
    assert sum(isinstance(answer, Unavailable) for answer in answers) == 5
    assert answers.count(False) == MOST_WAITING


def test_a_hash_does_not_stop_the_event_loop() -> None:
    async def scenario() -> int:
        keeper = Passwords()
        hashing = asyncio.create_task(keeper.hashed("some long password"))
        turns = 0
        while not hashing.done():
            await asyncio.sleep(0)
            turns += 1
        keeper.stop()
        return turns

    # An unthreaded hash would be one turn of the loop, however long it took.
    assert asyncio.run(scenario()) > 10


def test_waits_double_from_the_fifth_failure_to_a_quarter_of_an_hour() -> None:
    assert [wait_after(failures) for failures in (0, 4, 5, 6, 10, 14, 15, 1000)] == [0, 0, 1, 2, 32, 512, 900, 900]


def test_a_place_is_the_network_of_one_subscriber() -> None:
    assert source_of("192.0.2.77") == source_of("192.0.2.1") != source_of("192.0.3.1")
    assert source_of("2001:db8:1:2::9") == source_of("2001:db8:1:2:ffff::1") != source_of("2001:db8:1:3::9")
    assert source_of("unix:") == "unknown"


@pytest.mark.parametrize("login", ["ab", "-desk", "desk 7", "x" * 65, "a\nb", "", "desk_", "de/sk"])
def test_a_login_that_could_be_mistaken_is_refused(login: str) -> None:
    with pytest.raises(InvalidInput):
        checked(login)


def test_logins_are_compared_without_case_and_width() -> None:
    assert checked("Ｄesk-7") == checked("DESK-7") == "desk-7"


@pytest.mark.parametrize("name", ["password", "new_secret", "token_id", "secret_digest"])
def test_the_audit_takes_no_secret(name: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        note(None, "test", "account.changed", "x", **{name: "y"})  # type: ignore[arg-type]


Headers = list[tuple[bytes, bytes]]


def as_seen(
    peer: str, headers: Headers, networks: str = "10.0.0.0/8", certificate: str = "X-Client-Cert", kind: str = "http"
) -> Any:
    """The scope that the application gets."""
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    scope = {"type": kind, "client": (peer, 999), "scheme": "http", "headers": headers}
    asyncio.run(TrustedProxies(application, parse_networks(networks), certificate)(scope, None, None))  # type: ignore[arg-type]
    return seen[0]


FORGED: Headers = [
    (b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-proto", b"https"), (b"x-client-cert", b"ab12"),
    (b"accept", b"*"),
]  # fmt: skip


def test_what_a_stranger_says_of_himself_is_taken_away() -> None:
    seen = as_seen("203.0.113.5", FORGED)
    assert seen["headers"] == [(b"accept", b"*")]
    assert (seen["client"][0], seen["scheme"], CERTIFICATE in seen) == ("203.0.113.5", "http", False)


def test_a_proxy_is_believed_and_its_client_is_the_last_who_is_no_proxy() -> None:
    told: Headers = [(b"x-forwarded-for", b"198.51.100.66, 192.0.2.1, 10.0.0.9"), *FORGED[1:]]
    seen = as_seen("10.0.0.1", told)
    assert (seen["client"][0], seen["scheme"], seen[CERTIFICATE]) == ("192.0.2.1", "https", "ab12")


def test_a_websocket_is_treated_alike() -> None:
    seen = as_seen("203.0.113.5", FORGED, kind="websocket")
    assert seen["headers"] == [(b"accept", b"*")]
    assert as_seen("10.0.0.1", FORGED, kind="websocket")["scheme"] == "wss"


def test_two_certificates_are_none() -> None:
    assert CERTIFICATE not in as_seen("10.0.0.1", [*FORGED, (b"x-client-cert", b"cd34")])


def test_without_a_configured_header_no_certificate_is_read() -> None:
    seen = as_seen("10.0.0.1", FORGED, certificate="")
    assert CERTIFICATE not in seen
    assert (b"x-client-cert", b"ab12") in seen["headers"]
