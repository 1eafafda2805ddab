import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.vault import DEVELOPMENT_MASTER_KEY, Sealed, Vault, VaultError, parse_master_keys

OLD, NEW = os.urandom(32), os.urandom(32)
vault = Vault({"old": OLD}, "old")
rotated = Vault({"old": OLD, "new": NEW}, "new")
without_old = Vault({"new": NEW}, "new")


@given(st.text(), st.binary(max_size=300))
def test_what_was_sealed_for_a_subject_opens_for_that_subject(subject, plaintext):
    assert vault.open(subject, vault.seal(subject, plaintext)) == plaintext


@given(st.text(), st.text(), st.binary(max_size=50))
def test_another_subject_opens_nothing(subject, other, plaintext):
    sealed = vault.seal(subject, plaintext)
    if other != subject:
        with pytest.raises(VaultError):
            vault.open(other, sealed)


@given(st.binary(min_size=1, max_size=50), st.data())
def test_one_changed_byte_opens_nothing(plaintext, data):
    sealed = bytearray(vault.seal("a", plaintext))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(VaultError):
        vault.open("a", bytes(sealed))


@given(st.binary(max_size=120))
def test_bytes_that_nobody_sealed_open_nothing(noise):
    with pytest.raises(VaultError):
        vault.open("a", noise)


def test_a_cut_off_value_opens_nothing():
    sealed = vault.seal("a", b"contact")
    for length in range(len(sealed)):
        with pytest.raises(VaultError):
            vault.open("a", sealed[:length])


def test_the_sealed_bytes_do_not_contain_the_plaintext_and_differ_each_time():
    one, two = vault.seal("a", b"a name and a number"), vault.seal("a", b"a name and a number")
    assert isinstance(one, Sealed)
    assert one != two
    assert b"name" not in one


def test_dropping_the_subjects_key_erases_every_copy():
    key = vault.issue_key("a")
    copies = [vault.seal("a", b"first", key), vault.seal("a", b"second", key)]
    assert [vault.open("a", copy, key) for copy in copies] == [b"first", b"second"]
    for copy in copies:
        with pytest.raises(VaultError, match="erased"):
            vault.open("a", copy)
        with pytest.raises(VaultError):
            vault.open("a", copy, vault.issue_key("a"))


def test_a_subjects_key_does_not_wrap_for_another():
    with pytest.raises(VaultError):
        vault.seal("b", b"x", vault.issue_key("a"))


def test_rotation_reads_the_old_and_writes_the_new():
    sealed, key = vault.seal("a", b"contact"), vault.issue_key("a")
    under_key = vault.seal("a", b"contact", key)
    assert rotated.open("a", sealed) == b"contact"
    assert without_old.open("a", rotated.rewrap_sealed("a", sealed)) == b"contact"
    assert without_old.open("a", under_key, rotated.rewrap("a", key)) == b"contact"
    assert rotated.rewrap_sealed("a", under_key) == under_key
    with pytest.raises(VaultError, match="not configured"):
        without_old.open("a", sealed)


def test_production_refuses_the_development_key_and_constant_keys():
    for text in (DEVELOPMENT_MASTER_KEY, base64.b64encode(bytes(32)).decode()):
        assert Vault.from_text(text, mode="development").seal("a", b"x")
        with pytest.raises(ValueError, match="refused in production"):
            Vault.from_text(text, mode="production")
    rotating = f"new:{base64.b64encode(NEW).decode()},old:{DEVELOPMENT_MASTER_KEY}"
    with pytest.raises(ValueError, match="refused in production"):
        Vault.from_text(rotating, mode="production")


def test_master_keys_are_named_or_named_after_themselves():
    old, new = (base64.b64encode(key).decode() for key in (OLD, NEW))
    assert parse_master_keys(f"2026:{new}, 2025:{old}").current == "2026"
    assert parse_master_keys(new).keys[parse_master_keys(new).current] == NEW
    assert base64.b64encode(NEW).decode() not in repr(parse_master_keys(new))
    for bad in ("", "not base64!", base64.b64encode(b"short").decode()):
        with pytest.raises(ValueError, match="master key"):
            parse_master_keys(bad)
