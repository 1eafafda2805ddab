"""The present is answered from memory: what that costs the database, and how old an answer may be."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import shapely
import sqlalchemy as sa

from services.registry.adapters.locator import TreeLocator

TOWN = "999999001"
pytestmark = pytest.mark.integration


class Clock:
    """Stands still until it is told to go on."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def locator(engine, clock):
    return TreeLocator(engine, clock)


@pytest.fixture
def statements(engine):
    """Every statement that the engine sends from now on."""
    sent = []
    sa.event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: sent.append(statement))
    return sent


@pytest.fixture
def points(county_files):
    """(lat, lon) of a point in each micro-grid."""
    shapes = [each["geometry"] for each in json.loads(county_files["grids.geojson"])["features"] if each["geometry"]]
    inside = [shapely.geometry.shape(shape).representative_point() for shape in shapes]
    return [(point.y, point.x) for point in inside]


def name_of(chain):
    return next(each["name_zh"] for each in chain if each["code"] == TOWN)


def test_a_second_of_calls_asks_the_database_nothing_and_then_one_number(
    take, county_files, locator, clock, statements, points
):
    take(county_files)
    locator.chain(*points[0])
    statements.clear()
    clock.now += 0.999
    assert all(len(locator.chain(*point)) == 5 for point in points)
    assert statements == []
    clock.now += 0.001
    assert all(len(locator.chain(*point)) == 5 for point in points)
    assert len(statements) == 1
    assert "FROM tree_state" in statements[0]


def test_an_import_counts_one_second_after_it_at_the_latest(take, county_files, edit, locator, clock, points):
    take(county_files)
    before = name_of(locator.chain(*points[0]))
    take(edit(county_files, TOWN, name_zh="新演示镇"))
    clock.now += 0.999
    assert name_of(locator.chain(*points[0])) == before
    clock.now += 0.001
    assert name_of(locator.chain(*points[0])) == "新演示镇"


def test_callers_that_come_at_once_share_one_question(take, county_files, locator, clock, statements, points):
    take(county_files)
    locator.chain(*points[0])
    clock.now += 5
    statements.clear()
    together = threading.Barrier(8, timeout=10)

    def ask(number):
        together.wait()
        return len(locator.chain(*points[number % len(points)]))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [5] * 8
    assert len(statements) == 1


def test_a_question_that_failed_is_asked_again_and_not_answered_from_memory(
    take, county_files, locator, clock, points, engine, monkeypatch
):
    take(county_files)
    locator.chain(*points[0])
    clock.now += 1
    away = sa.exc.OperationalError("select", {}, Exception("away"))
    with monkeypatch.context() as patch:
        patch.setattr(type(engine), "connect", lambda _self: (_ for _ in ()).throw(away))
        for _ in range(2):
            with pytest.raises(sa.exc.OperationalError):
                locator.chain(*points[0])
    assert len(locator.chain(*points[0])) == 5


def test_memory_and_database_tell_the_same_of_every_micro_grid(take, county_files, answers, points):
    take(county_files)
    now = datetime.now(UTC)
    for point in points:
        assert answers.locate(*point) == answers.locate(*point, now)


def test_what_a_caller_does_with_its_answer_reaches_nobody_else(take, county_files, locator, points):
    take(county_files)
    first = locator.chain(*points[0])
    for each in first:
        each.clear()
    assert [len(each["code"]) for each in locator.chain(*points[0])] == [6, 9, 12, 15, 17]
