"""What an announcement tells: everything as it stands, nothing that is not so, and nothing new to who knows it."""

import os
import subprocess
import sys

import pytest
import sqlalchemy as sa

from chassis import settings as chassis_settings
from chassis.database import create_engine
from chassis.vault import DEVELOPMENT_MASTER_KEY
from contracts import catalogue, envelope
from services.dispatch import bootstrap as dispatch_bootstrap
from services.dispatch.settings import Settings
from services.registry import bootstrap
from services.registry.application import announce as announcing

MICRO = "99999900100100101"
BOOKS = {"grid": ("grid_version", "code"), "centre": ("centre_version", "code"), "post": ("post_version", "post_id")}
pytestmark = pytest.mark.integration


@pytest.fixture
def changed_county(take, county_files, edit):
    """A county with a past: a renamed town, and a micro-grid retired with its posts."""
    posts = county_files["posts.csv"].decode().splitlines()
    lines = [f"{line},{'true' if MICRO in line else 'false'}" for line in posts[1:]]
    files = edit(edit(county_files, "999999001", name_zh="新演示镇"), MICRO, retired=True)
    take(county_files)
    report = take(files | {"posts.csv": "\n".join([posts[0] + ",retired", *lines]).encode()})
    assert report.faults == []
    assert report.tallies["posts.csv"].retired > 0


@pytest.fixture
def announced(database_url, engine, changed_county):
    """`announced()`: the events of one announcement, alone in the outbox."""

    def told():
        with engine.begin() as connection:
            connection.execute(sa.text("TRUNCATE outbox"))
        number = bootstrap.announce(database_url, lambda _told, _total: None)
        events = outbox(engine)
        assert number == len(events)
        return events

    return told


def outbox(engine):
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT body FROM outbox ORDER BY id")).all()
    return [envelope.load(bytes(row[0])) for row in rows]


def books(engine):
    """Every row of every version, and the version of the tree."""
    tables = [table for table, _ in BOOKS.values()]
    with engine.connect() as connection:
        return {
            table: sorted(connection.execute(sa.text(f"SELECT {table}::text FROM {table}")).scalars())
            for table in [*tables, "tree_state"]
        }


def newest(engine):
    """What there is, as (type, key, version)."""
    found = []
    with engine.connect() as connection:
        for kind, (table, key) in BOOKS.items():
            rows = connection.execute(sa.text(f"SELECT {key}, version FROM {table} WHERE valid_to IS NULL"))
            found += [(f"wangge.registry.{kind}.changed.v1", *row) for row in rows]
    return sorted(found)


def heads(events):
    return sorted((event.type, event.subject, event.sequence) for event in events)


def test_everything_is_told_once_in_the_version_it_has(announced, engine):
    events = announced()
    assert heads(events) == newest(engine)
    assert ("wangge.registry.grid.changed.v1", "999999001", 2) in heads(events)
    for event in events:
        assert event.data["version"] == event.sequence
        catalogue.dump_data(event.type, event.data)


def test_what_is_told_again_is_what_the_import_told_last(announced, changed_county, engine):
    imported = {(event.type, event.subject): event for event in outbox(engine)}
    again = {(event.type, event.subject): event for event in announced()}
    assert {key: event.data for key, event in again.items()} == {key: event.data for key, event in imported.items()}
    # Ids of their own: an inbox that has had the first would drop the second, and its service would not catch up.
    assert not {event.id for event in again.values()} & {event.id for event in imported.values()}
    assert {event.time for event in again.values()} == {event.time for event in imported.values()}


def test_telling_again_tells_the_same_and_changes_no_version(announced, engine):
    before = books(engine)
    first, second = announced(), announced()
    assert [event.data for event in first] == [event.data for event in second]
    assert heads(first) == heads(second)
    assert books(engine) == before


def test_parents_come_before_children_and_the_ground_before_desks_and_posts(announced):
    events = announced()
    kinds = [event.type.split(".")[2] for event in events]
    assert kinds == sorted(kinds, key=list(BOOKS).index)
    codes = [event.subject for event in events if ".grid." in event.type]
    assert codes == sorted(codes, key=lambda code: (len(code), code))


def test_a_retired_post_is_told_as_held_by_nobody(announced):
    posts = [event.data for event in announced() if ".post." in event.type and event.data["grid_code"] == MICRO]
    assert posts
    assert {(each["a_holder"], each["b_holder"]) for each in posts} == {(None, None)}


def test_it_goes_in_small_transactions_and_tells_how_far_it_is(database_url, engine, changed_county, monkeypatch):
    monkeypatch.setattr(announcing, "BATCH", 7)
    with engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE outbox"))
    steps = []
    number = bootstrap.announce(database_url, lambda told, total: steps.append((told, total)))
    with engine.connect() as connection:
        sizes = (
            connection.execute(sa.text("SELECT count(*) FROM outbox GROUP BY xmin::text ORDER BY min(id)"))
            .scalars()
            .all()
        )
    assert max(sizes) == 7
    assert [told for told, _ in steps] == [sum(sizes[:place]) for place in range(1, len(sizes) + 1)]
    assert steps[-1] == (number, number)


@pytest.fixture
def consumer(new_database):
    """Dispatch's read model in a database that has heard of nothing; `rows()` is what it holds."""
    url = new_database("dispatch", role="dispatch")
    dispatch_bootstrap.migrate(url)
    engine = create_engine(url, name="registry-tests", pool_size=2)
    environment = {"DATABASE_URL": url, "AMQP_URL": "amqp://nobody@127.0.0.1:1/", "WANGGE_HEALTH_PORT": "0"}
    environment["WANGGE_MASTER_KEY"] = DEVELOPMENT_MASTER_KEY
    built = dispatch_bootstrap.build(chassis_settings.load(Settings, environment), engine)

    def take_and_show(events):
        told = {event.id: (event.type, catalogue.load_data(event.type, event.data)) for event in events}
        built.take_events("grid-tree", told)
        with engine.connect() as connection:
            tables = ("grid_node", "centre", "post")
            return {t: sorted(connection.execute(sa.text(f"SELECT {t}::text FROM {t}")).scalars()) for t in tables}

    yield take_and_show
    engine.dispose()


def test_a_consumer_that_came_late_catches_up_and_the_second_time_tells_it_nothing(announced, consumer, engine):
    caught_up = consumer(announced())
    assert [len(rows) for rows in caught_up.values()] == [
        sum(f".{kind}." in type_ for type_, _, _ in newest(engine)) for kind in BOOKS
    ]
    # The revision of a row, too: it says when the row last changed.
    assert consumer(announced()) == caught_up


def test_the_command_says_how_many(database_url, changed_county, engine):
    command = [sys.executable, "-m", "services.registry.entrypoints.admin", "announce"]
    environment = os.environ | {"DATABASE_URL": database_url}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(newest(engine))} events" in done.stdout
