"""The keys that events travel under, and the patterns that pick a county's or a town's of them."""

import pytest

from contracts.catalogue import EVENT_TYPES
from contracts.names import in_jurisdiction, incident_event, registry_event, routing_key

RECEIVED = incident_event("received")


def matches(pattern: list[str], key: list[str]) -> bool:
    """A topic exchange's rule: `*` is a word, `#` any number of them."""
    if not pattern:
        return not key
    if pattern[0] == "#":
        return any(matches(pattern[1:], key[start:]) for start in range(len(key) + 1))
    return bool(key) and pattern[0] in ("*", key[0]) and matches(pattern[1:], key[1:])


def picks(pattern: str, place: str | None, type_: str, jurisdiction: str | None) -> bool:
    return matches(in_jurisdiction(pattern, place).split("."), routing_key(type_, jurisdiction).split("."))


@pytest.mark.parametrize(
    ("jurisdiction", "key"),
    [
        (None, RECEIVED), ("", RECEIVED), ("999999", f"{RECEIVED}.999999"), ("999999001", f"{RECEIVED}.999999.001"),
        ("99999900100200103", f"{RECEIVED}.999999.001"),
    ],
)  # fmt: skip
def test_a_key_is_the_type_the_county_and_the_town(jurisdiction, key):
    assert routing_key(RECEIVED, jurisdiction) == key


@pytest.mark.parametrize("type_", sorted(EVENT_TYPES))
def test_a_pattern_of_a_type_finds_it_wherever_it_happened_and_no_other(type_):
    for jurisdiction in (None, "999999", "999999001", "999999001002"):
        assert picks(type_, None, type_, jurisdiction)
        assert picks("#", None, type_, jurisdiction)
        assert picks(type_, None, RECEIVED, jurisdiction) == (type_ == RECEIVED)


def test_a_place_finds_what_happened_in_it():
    for pattern in ("#", "wangge.dispatch.incident.#", "wangge.dispatch.*.received.v1", RECEIVED):
        assert picks(pattern, "999999001", RECEIVED, "999999001002")
        assert picks(pattern, "999999", RECEIVED, "999999001002")
        assert picks(pattern, "999999", RECEIVED, "999999")
        for elsewhere in ("999999002", "999999", "888888001", None):
            assert not picks(pattern, "999999001", RECEIVED, elsewhere)
    assert not picks("wangge.dispatch.incident.#", "999999001", registry_event("grid"), "999999001")


@pytest.mark.parametrize("place", ["", "33", "99999900", "999999001001", "x99999", "999999.001"])
def test_a_place_that_keys_do_not_know_is_refused(place):
    with pytest.raises(ValueError, match="6 or 9 digits"):
        in_jurisdiction("#", place)
