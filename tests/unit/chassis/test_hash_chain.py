import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chassis.hash_chain import GENESIS, Broken, link, verify

BODIES = st.lists(st.binary(max_size=40), min_size=1, max_size=12)


def chain(bodies):
    rows, head = [], GENESIS
    for seq, body in enumerate(bodies, 1):
        head = link(head, body)
        rows.append((seq, body, head))
    return rows, head


def test_a_link_is_sha256_over_the_previous_hash_and_the_body():
    assert link(GENESIS, b"received") == hashlib.sha256(bytes(32) + b"received").digest()


def test_a_previous_hash_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        link(b"short", b"body")


@given(BODIES)
def test_an_untouched_chain_verifies(bodies):
    rows, head = chain(bodies)
    assert verify(rows, head) is None


def test_an_empty_chain_ends_at_genesis():
    assert verify([], GENESIS) is None
    assert verify([], link(GENESIS, b"x")) == Broken(1, "head")


@given(BODIES, st.data())
def test_an_edit_is_found_where_it_was_made(bodies, data):
    rows, head = chain(bodies)
    place = data.draw(st.integers(0, len(rows) - 1))
    other = data.draw(st.binary(max_size=40))
    assume(other != bodies[place])
    seq, _, stored = rows[place]
    rows[place] = (seq, other, stored)
    assert verify(rows, head) == Broken(seq, "hash")


@given(BODIES, st.data())
def test_an_edit_with_a_recomputed_hash_is_found_at_the_next_record_or_at_the_head(bodies, data):
    rows, head = chain(bodies)
    place = data.draw(st.integers(0, len(rows) - 1))
    other = data.draw(st.binary(max_size=40))
    assume(other != bodies[place])
    previous = rows[place - 1][2] if place else GENESIS
    rows[place] = (place + 1, other, link(previous, other))
    broken = verify(rows, head)
    assert broken == (Broken(place + 2, "hash") if place + 1 < len(rows) else Broken(len(rows) + 1, "head"))


@given(BODIES, st.data())
def test_a_deleted_record_is_found(bodies, data):
    rows, head = chain(bodies)
    place = data.draw(st.integers(0, len(rows) - 1))
    del rows[place]
    expected = Broken(place + 2, "missing") if place < len(rows) else Broken(place + 1, "head")
    assert verify(rows, head) == expected


@given(st.lists(st.binary(max_size=40), min_size=2, max_size=12, unique=True), st.data())
def test_swapped_records_are_found_also_when_renumbered(bodies, data):
    rows, head = chain(bodies)
    place = data.draw(st.integers(0, len(rows) - 2))
    swapped = [*rows[:place], rows[place + 1], rows[place], *rows[place + 2 :]]
    assert verify(swapped, head) == Broken(place + 2, "missing")
    renumbered = [(seq, body, stored) for seq, (_, body, stored) in enumerate(swapped, 1)]
    assert verify(renumbered, head) == Broken(place + 1, "hash")


@given(BODIES, st.binary(max_size=40))
def test_a_record_added_at_the_end_is_found_by_the_head(bodies, more):
    rows, head = chain(bodies)
    longer, _ = chain([*bodies, more])
    assert verify(longer, head) == Broken(len(rows) + 2, "head")


def test_a_repeated_record_is_out_of_order():
    rows, head = chain([b"a", b"b"])
    assert verify([rows[0], rows[0], rows[1]], head) == Broken(1, "order")
