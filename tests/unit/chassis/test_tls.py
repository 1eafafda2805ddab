"""A pair of files as it is offered: new files from the next handshake on, half of a new pair never."""

import datetime as dt

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from chassis.own_port import OwnPortSettings
from chassis.settings import EX_CONFIG, SettingsError, load
from chassis.tls import CERTIFICATE_ENDS, KeyPair, Offer, offer_or_exit
from tests.support.authority import Authority

TOLD = "certificate cannot be taken up"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def pair(authority):
    return KeyPair(str(authority.certificate), str(authority.key))


def ends():
    """When the offered certificate ends, as Prometheus is told, from now."""
    seconds = CERTIFICATE_ENDS.collect()[0].samples[0].value - dt.datetime.now(dt.UTC).timestamp()
    return dt.timedelta(seconds=seconds)


def test_files_that_stay_the_same_are_read_once(pair):
    offer = Offer(pair)
    assert offer.newest() is offer.newest()


def test_replaced_files_are_taken_up_and_their_end_is_told(authority, pair):
    offer = Offer(pair)
    before = offer.newest()
    authority.renew(ends=dt.timedelta(days=60))
    assert offer.newest() is not before
    assert dt.timedelta(days=59) < ends() < dt.timedelta(days=61)


@pytest.mark.parametrize("broken", ["certificate", "key"])
@pytest.mark.parametrize("content", [b"", b"nothing of the kind", None])
def test_half_of_a_new_pair_is_told_of_once_and_the_old_one_stays(authority, pair, broken, content, capsys):
    offer = Offer(pair)
    before, path = offer.newest(), getattr(authority, broken)
    kept = path.read_bytes()
    authority.renew(ends=dt.timedelta(days=90))
    path.unlink() if content is None else path.write_bytes(content)
    assert offer.newest() is offer.newest() is before
    assert capsys.readouterr().out.count(TOLD) == 1
    assert ends() < dt.timedelta(days=3)
    path.write_bytes(kept)  # of the pair before: each file alone is good, and they are no pair
    assert offer.newest() is before
    authority.renew()
    assert offer.newest() is not before


def encrypted(authority):
    key = load_pem_private_key(authority.key.read_bytes(), None)
    sealed = BestAvailableEncryption(b"a word that nobody types")
    authority.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed))


def missing(authority):
    authority.key.unlink()


def swapped(authority):
    of_the_pair_before = authority.key.read_bytes()
    authority.renew()
    authority.key.write_bytes(of_the_pair_before)


@pytest.mark.parametrize("spoil", [encrypted, missing, swapped])
def test_a_pair_that_cannot_be_used_ends_the_process_and_names_its_keys(authority, pair, spoil, capsys):
    spoil(authority)
    with pytest.raises(SystemExit) as ended:
        offer_or_exit(pair)
    assert ended.value.code == EX_CONFIG
    told = capsys.readouterr().err
    assert "WANGGE_TLS_CERTIFICATE, WANGGE_TLS_KEY" in told
    assert "cannot be used" in told


def test_without_a_pair_there_is_no_offer():
    assert offer_or_exit(load(OwnPortSettings, {}).key_pair) is None


@pytest.mark.parametrize("missing_key", ["WANGGE_TLS_KEY", "WANGGE_TLS_CERTIFICATE"])
def test_one_without_the_other_is_refused_by_the_name_of_what_is_missing(authority, missing_key):
    with pytest.raises(SettingsError) as refused:
        load(OwnPortSettings, {**authority.settings, missing_key: ""})
    assert list(refused.value.problems) == [missing_key]
