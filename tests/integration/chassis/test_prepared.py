"""The server plans a statement once a connection; whatever goes wrong, the next message works."""

import uuid

import pytest
import sqlalchemy as sa

from chassis.database import create_engine, in_transaction
from chassis.prepared import ask
from chassis.script import Script

pytestmark = pytest.mark.integration
ADD = "SELECT %s::integer + %s::integer"


@pytest.fixture
def engine(chassis_url, engine):
    """One connection, so that what it knows can be looked at."""
    single = create_engine(chassis_url, name="c1-prepared", pool_size=1, relay_port=0)
    yield single
    single.dispose()


def known(engine):
    with engine.connect() as connection:
        return connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements ORDER BY 1").scalars().all()


def add(engine, *values):
    return in_transaction(engine, lambda connection: ask(connection, ADD, values).scalar_one())


def test_a_statement_is_planned_once_and_asked_again_with_other_values(engine):
    assert [add(engine, 1, 2), add(engine, 3, 4), add(engine, 5, None)] == [3, 7, None]
    (statement,) = known(engine)
    assert "SELECT $1::integer + $2::integer" in statement


def test_a_name_that_stands_twice_is_one_parameter_and_types_are_turned(engine):
    key = uuid.uuid4()
    statement = "SELECT %(key)s::uuid, %(keys)s::uuid[], %(key)s::uuid = ANY(%(keys)s::uuid[])"
    ours = in_transaction(
        engine, lambda c: tuple(ask(c, statement, {"keys": [str(key)], "key": str(key), "more": 1}).one())
    )
    assert ours[2] is True


def test_what_has_a_parameter_without_a_type_is_sent_as_it_is(engine):
    assert in_transaction(engine, lambda c: ask(c, "SELECT %s || %s::text", ("a", "b")).scalar_one()) == "ab"
    assert known(engine) == []


def test_after_an_error_everything_is_made_anew(engine):
    add(engine, 1, 2)
    for values in (("no number", 1), (2**31 - 1, 1)):
        with pytest.raises(sa.exc.DBAPIError):
            add(engine, *values)
        assert add(engine, 2, 2) == 4
    assert len(known(engine)) == 1


def test_what_was_prepared_in_a_transaction_that_was_rolled_back_is_still_there(engine):
    def work(connection):
        ask(connection, ADD, (1, 1))
        raise LookupError

    with pytest.raises(LookupError):
        in_transaction(engine, work)
    assert add(engine, 2, 3) == 5
    assert len(known(engine)) == 1


def test_a_new_connection_knows_nothing_and_learns_it(engine):
    add(engine, 1, 2)
    engine.dispose()
    assert add(engine, 1, 2) == 3


def test_a_script_prepares_what_it_says_and_a_failing_one_harms_no_later_one(engine, tables):
    insert = "INSERT INTO incident (id, seen) VALUES (%s::uuid, %s::integer)"
    key = str(uuid.uuid4())

    def write(connection, *rows):
        script = Script(connection)
        for row in rows:
            script.exec_driver_sql(insert, row)
        script.run(commit=True)

    in_transaction(engine, lambda connection: write(connection, (key, 1), (str(uuid.uuid4()), 2)))
    with pytest.raises(sa.exc.IntegrityError):
        in_transaction(engine, lambda connection: write(connection, (str(uuid.uuid4()), 3), (key, 4)))
    in_transaction(engine, lambda connection: write(connection, (str(uuid.uuid4()), 5)))
    with engine.connect() as connection:
        found = connection.execute(sa.select(tables["incident"].c.seen).order_by("seen")).scalars().all()
    assert found == [1, 2, 5]
