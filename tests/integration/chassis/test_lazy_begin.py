"""BEGIN travels with the first statement, and everything else about a transaction is as it was."""

import uuid

import psycopg2
import pytest
import sqlalchemy as sa

from chassis.database import after_commit, create_engine, in_transaction
from chassis.errors import Unavailable
from chassis.lazy_begin import LazyConnection
from chassis.scope import scope_of
from chassis.script import Script

pytestmark = pytest.mark.integration


@pytest.fixture
def incident(tables):
    return tables["incident"]


@pytest.fixture
def raw(chassis_url):
    connection = psycopg2.connect(chassis_url, connection_factory=LazyConnection)
    yield connection
    connection.close()


def status(connection):
    names = psycopg2.extensions
    return {names.TRANSACTION_STATUS_IDLE: "idle", names.TRANSACTION_STATUS_INTRANS: "open",
            names.TRANSACTION_STATUS_INERROR: "failed"}[connection.get_transaction_status()]  # fmt: skip


def test_nothing_is_open_before_the_first_statement_and_after_the_commit(raw):
    assert status(raw) == "idle"
    raw.commit()
    raw.rollback()
    with raw.cursor() as cursor:
        cursor.execute("SELECT %s + 1", (1,))
        assert (cursor.fetchone(), status(raw)) == ((2,), "open")
        cursor.execute("SELECT now() = transaction_timestamp()")
    raw.commit()
    assert status(raw) == "idle"


def test_a_failed_statement_leaves_nothing_of_its_transaction(raw, engine, incident):
    with raw.cursor() as cursor:
        cursor.execute("INSERT INTO incident (id) VALUES (%s)", (str(uuid.uuid4()),))
        with pytest.raises(psycopg2.errors.DivisionByZero):
            cursor.execute("SELECT 1 / 0")
        assert status(raw) == "failed"
        with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
            cursor.execute("SELECT 1")
    raw.rollback()
    assert status(raw) == "idle"
    with engine.connect() as connection:
        assert connection.execute(sa.select(incident)).all() == []


def test_a_first_statement_that_fails_can_be_rolled_back(raw):
    for broken in ("SELECT 1 / 0", "SELEC 1"):
        with raw.cursor() as cursor, pytest.raises(psycopg2.Error):
            cursor.execute(broken)
        raw.rollback()
        assert status(raw) == "idle"


def test_many_rows_a_copy_and_a_cursor_of_the_server_are_in_the_transaction_too(raw, tmp_path):
    with raw.cursor() as cursor:
        cursor.executemany("INSERT INTO incident (id) VALUES (%s)", [(str(uuid.uuid4()),) for _ in range(3)])
        assert status(raw) == "open"
    raw.rollback()
    with raw.cursor() as cursor, (tmp_path / "rows").open("wb") as file:
        cursor.copy_expert("COPY (SELECT 1) TO STDOUT", file)
        assert status(raw) == "open"
    raw.rollback()
    with raw.cursor("walk") as cursor:
        cursor.execute("SELECT * FROM generate_series(1, 3)")
        assert [value for (value,) in cursor] == [1, 2, 3]
        assert status(raw) == "open"
    raw.rollback()
    with raw.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM incident")
        assert cursor.fetchone() == (0,)


def test_isolation_levels_and_autocommit_of_sqlalchemy_are_honoured(engine):
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "repeatable read"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM incident")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "read committed"


def test_a_closed_connection_says_so(raw):
    raw.close()
    with pytest.raises(psycopg2.InterfaceError):
        raw.commit()


def test_work_whose_connection_died_before_its_commit_is_done_once_on_another(engine, chassis_url, incident):
    killer = create_engine(chassis_url, name="c1-killer", relay_port=0)
    tries = []

    def work(connection):
        tries.append(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        connection.execute(incident.insert(), {"id": uuid.uuid4()})
        if len(tries) == 1:
            with killer.connect() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({tries[0]}, 5000)")
        connection.exec_driver_sql("SELECT 1")

    in_transaction(engine, work)
    killer.dispose()
    with engine.connect() as connection:
        assert len(connection.execute(sa.select(incident)).all()) == 1
    assert len(set(tries)) == 2


def test_a_connection_that_died_while_it_lay_in_the_pool_is_replaced(engine, chassis_url, monkeypatch):
    monkeypatch.setattr("chassis.connections._FRESH_SECONDS", -1.0)
    killer = create_engine(chassis_url, name="c1-killer", relay_port=0)
    with engine.connect() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with killer.connect() as other:
        other.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 5000)")
    killer.dispose()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() != pid


def test_a_script_with_its_commit_is_one_message_and_is_not_run_again_when_its_answer_is_lost(
    engine, chassis_url, incident
):
    killer = create_engine(chassis_url, name="c1-killer", relay_port=0)
    tries = []

    def work(connection):
        script = Script(connection)
        tries.append(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        script.exec_driver_sql("INSERT INTO incident (id) VALUES (%s)", (uuid.uuid4(),))
        with killer.connect() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({tries[-1]}, 5000)")
        script.run(commit=True)

    with pytest.raises(Unavailable):
        in_transaction(engine, work)
    killer.dispose()
    assert len(tries) == 1


def test_a_script_that_fails_leaves_nothing_although_it_would_have_committed(engine, incident):
    def work(connection):
        script = Script(connection)
        script.exec_driver_sql("INSERT INTO incident (id) VALUES (%s)", (uuid.uuid4(),))
        script.exec_driver_sql("SELECT 1 / %s", (0,))
        script.run(commit=True)

    with pytest.raises(sa.exc.DataError):
        in_transaction(engine, work)
    with engine.connect() as connection:
        assert connection.execute(sa.select(incident)).all() == []


def test_a_script_leaves_in_the_order_it_was_written_and_its_hooks_run_after_the_commit(engine, incident):
    told = []

    def work(connection):
        script, key = Script(connection), uuid.uuid4()
        script.exec_driver_sql("INSERT INTO incident (id, seen) VALUES (%s, %s)", (key, 1))
        script.exec_driver_sql("UPDATE incident SET seen = seen + %s WHERE id = %s", (1, key))
        after_commit(script, "x", lambda: told.append("committed"))
        script.run(commit=True)
        assert told == []

    in_transaction(engine, work)
    with engine.connect() as connection:
        assert connection.execute(sa.select(incident.c.seen)).scalars().all() == [2]
    assert told == ["committed"]


def test_a_scope_travels_with_the_begin_and_ends_with_its_transaction(raw):
    sent = []

    class Watching(type(raw.cursor())):
        def execute(self, query, vars=None):
            super().execute(query, vars)
            sent.append(self.query)

    raw.scope = "999999001"
    with raw.cursor(cursor_factory=Watching) as cursor:
        cursor.execute("SELECT current_setting('app.scope', true), %s", ("%",))
        assert cursor.fetchone() == ("999999001", "%")
    raw.commit()
    raw.scope = None
    with raw.cursor(cursor_factory=Watching) as cursor:
        cursor.execute("SELECT current_setting('app.scope', true)")
        assert cursor.fetchone()[0] in (None, "")
    assert len(sent) == 2


def test_a_transaction_has_the_scope_it_was_begun_with_and_the_next_one_of_its_connection_has_none(chassis_url):
    engine = create_engine(chassis_url, name="scopes", pool_size=1)

    def scope(connection):
        return connection.exec_driver_sql("SELECT current_setting('app.scope', true)").scalar_one() or None

    assert in_transaction(engine, scope, scope="12") == "12"
    assert in_transaction(engine, scope) is None
    with pytest.raises(sa.exc.DBAPIError):
        in_transaction(engine, lambda connection: connection.exec_driver_sql("SELECT 1 / 0"), scope="34")
    assert in_transaction(engine, scope) is None
    engine.dispose()


@pytest.mark.parametrize(
    ("prefixes", "scope"),
    [((), "-"), (("",), "*"), (("99", "98"), "99,98"), (("99", ""), "*"), (("x", "9'", "九", "1 "), "-")],
)
def test_a_scope_is_made_of_digits_and_nothing_else(prefixes, scope):
    assert scope_of(prefixes) == scope
