"""Tracking ids: the same for the same call, nonsense for everybody else."""

from __future__ import annotations

import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.tracking import PATTERN, Tracked, Tracking

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
CALL = Tracked(b"12345678", 1_760_000_000_000_000, "0190a0c2-7e1a-7000-8000-0000000000aa")
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200) | st.uuids().map(str)


@given(KEYS)
def test_every_key_comes_back_as_it_was_and_stands_in_no_id_readably(key: str) -> None:
    tracking = Tracking({"new": NEW})
    text = tracking.seal(Tracked(b"12345678", 1, key), "desk-7")
    assert re.fullmatch(PATTERN, text)
    assert tracking.open(text, "desk-7") == Tracked(b"12345678", 1, key)
    assert len(key) < 4 or key not in text


def test_the_same_call_has_the_same_id_and_another_key_still_opens_after_rotation() -> None:
    old, both = Tracking({"old": OLD}), Tracking({"new": NEW, "old": OLD})
    text = old.seal(CALL, "desk-7")
    assert text == old.seal(CALL, "desk-7")
    assert both.open(text, "desk-7") == CALL
    assert Tracking({"new": NEW}).open(text, "desk-7") is None


@pytest.mark.parametrize("change", [lambda t: t[:-2], lambda t: "A" + t[1:], lambda _: "x" * 60, lambda _: ""])
def test_a_changed_or_made_up_id_is_none(change) -> None:
    tracking = Tracking({"new": NEW})
    assert tracking.open(change(tracking.seal(CALL, "desk-7")), "desk-7") is None


def test_an_id_is_good_for_the_caller_it_was_given_to_only() -> None:
    tracking = Tracking({"new": NEW})
    assert tracking.open(tracking.seal(CALL, "desk-7"), "desk-8") is None
