"""Group commit: alone at once, together under load, and nobody suffers for another's end."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chassis.joining import Joiner
from tests.support.eventually import eventually


class Office:
    """Runs turns when it is told to; remembers what was in each."""

    def __init__(self, most=500, at_once=1, *, held=True):
        self.turns = []
        self.gate = threading.Event()
        self.failing = {}
        if not held:
            self.gate.set()
        self.joiner = Joiner(self.run, weigh=lambda item: item[1], most=most, at_once=at_once)

    def run(self, items):
        self.turns.append([name for name, _ in items])
        self.gate.wait(10)
        error = self.failing.get(items[0][0])
        if error is not None:
            raise error
        return [name.upper() for name, _ in items]

    def ask(self, name, weight=1):
        return self.joiner((name, weight))

    def waiting(self, count):
        eventually(lambda: len(self.joiner._queue) == count, within=5)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(20) as pool:
        yield pool


def first_at_work(office, pool):
    asked = pool.submit(office.ask, "first")
    eventually(lambda: office.turns, within=5)
    return asked


def test_a_call_that_is_alone_runs_at_once_and_by_itself():
    office = Office(held=False)
    assert [office.ask("a"), office.ask("b")] == ["A", "B"]
    assert office.turns == [["a"], ["b"]]


def test_what_waits_while_one_is_at_work_is_done_together_and_each_hears_its_own_answer(pool):
    office = Office()
    first = first_at_work(office, pool)
    others = {name: pool.submit(office.ask, name) for name in "abcdef"}
    office.waiting(6)
    office.gate.set()
    assert first.result(5) == "FIRST"
    assert {name: asked.result(5) for name, asked in others.items()} == {name: name.upper() for name in "abcdef"}
    assert [len(turn) for turn in office.turns] == [1, 6]


def test_a_turn_takes_no_more_than_fits_and_what_is_too_heavy_goes_alone(pool):
    office = Office(most=10)
    first_at_work(office, pool)
    asked = []
    for number, (name, weight) in enumerate([("a", 4), ("b", 6), ("c", 1), ("d", 99), ("e", 1)], start=1):
        asked.append(pool.submit(office.ask, name, weight))
        office.waiting(number)
    office.gate.set()
    assert [each.result(5) for each in asked] == list("ABCDE")
    assert office.turns == [["first"], ["a", "b"], ["c"], ["d"], ["e"]]


def test_as_many_turns_go_on_at_once_as_allowed(pool):
    office = Office(at_once=2)
    asked = [pool.submit(office.ask, name) for name in "abcd"]
    eventually(lambda: len(office.turns) == 2, within=5)
    office.waiting(2)
    office.gate.set()
    assert sorted(each.result(5) for each in asked) == list("ABCD")
    assert sorted(map(len, office.turns)) == [1, 1, 2]


def test_an_error_is_told_to_everybody_of_the_turn_and_the_next_turn_goes_on(pool):
    office = Office()
    first_at_work(office, pool)
    asked = []
    for number, name in enumerate("ab", start=1):
        asked.append(pool.submit(office.ask, name))
        office.waiting(number)
    office.failing["a"] = ValueError("away")
    office.gate.set()
    for each in asked:
        with pytest.raises(ValueError, match="away"):
            each.result(5)
    assert office.ask("later") == "LATER"


def test_a_leader_that_is_ended_takes_nobody_with_it(pool):
    class Ended(BaseException):
        pass

    office = Office()
    first_at_work(office, pool)
    ended = pool.submit(office.ask, "a")
    office.waiting(1)
    other = pool.submit(office.ask, "b")
    office.waiting(2)
    office.failing["a"] = Ended()
    office.gate.set()
    with pytest.raises(Ended):
        ended.result(5)
    assert other.result(5) == "B"
    assert office.turns == [["first"], ["a", "b"], ["b"]]


def test_who_is_ended_while_waiting_is_not_asked_for(pool, monkeypatch):
    office = Office()
    first = first_at_work(office, pool)

    class Ended(BaseException):
        pass

    class Cut(threading.Event):
        def wait(self, timeout=None):
            raise Ended

    monkeypatch.setattr("chassis.joining.Event", Cut)
    with pytest.raises(Ended):
        office.ask("a")
    office.gate.set()
    assert first.result(5) == "FIRST"
    assert office.turns == [["first"]]
    assert office.ask("b") == "B"


def test_a_hundred_callers_at_once_are_each_answered_once(pool):
    office = Office(at_once=2, held=False)
    answers = list(pool.map(lambda n: office.ask(f"n{n}"), range(400)))
    assert answers == [f"N{n}" for n in range(400)]
    assert sorted(name for turn in office.turns for name in turn) == sorted(f"n{n}" for n in range(400))
