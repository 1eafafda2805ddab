import threading
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import ids


def test_ids_are_version_7_and_carry_the_time():
    before = time.time_ns() // 1_000_000
    made = ids.uuid7()
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000 + 1


def test_ids_only_go_up():
    made = [ids.uuid7() for _ in range(5000)]
    assert made == sorted(set(made))
    assert [str(one) for one in made] == sorted(str(one) for one in made)


def test_ids_are_unique_across_threads():
    made: list[list[uuid.UUID]] = [[] for _ in range(4)]
    threads = [
        threading.Thread(target=lambda into=into: into.extend(ids.uuid7() for _ in range(2000))) for into in made
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for part in made for one in part}) == 8000
    assert all(part == sorted(part) for part in made)


@pytest.fixture
def set_clock(monkeypatch):
    def set_to(milliseconds):
        monkeypatch.setattr(ids.time, "time_ns", lambda: milliseconds * 1_000_000)

    monkeypatch.setattr(ids, "_last_millisecond", 0)
    monkeypatch.setattr(ids, "_last_tail", 0)
    return set_to


def test_ids_go_up_when_the_clock_steps_back(set_clock):
    set_clock(2_000_000)
    first = ids.uuid7()
    set_clock(1_000_000)
    assert ids.uuid7() > first


def test_a_full_millisecond_borrows_the_next(set_clock, monkeypatch):
    set_clock(2_000_000)
    first = ids.uuid7()
    monkeypatch.setattr(ids, "_last_tail", (1 << 74) - 1)
    second = ids.uuid7()
    assert second > first
    assert second.int >> 80 == 2_000_001
    assert second.version == 7


@given(st.lists(st.integers(0, 3_000_000), min_size=2, max_size=30))
def test_ids_go_up_whatever_the_clock_does(readings):
    real = ids.time.time_ns
    try:
        made = []
        for reading in readings:
            ids.time.time_ns = lambda reading=reading: reading * 1_000_000
            made.append(ids.uuid7())
    finally:
        ids.time.time_ns = real
    assert made == sorted(set(made))
