import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from chassis import metrics
from chassis.database import after_commit, check_wait_callback, create_engine, database_now, in_transaction
from chassis.errors import Unavailable
from chassis.health import database_check

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]


@pytest.fixture
def incident(tables):
    return tables["incident"]


def count(engine, table):
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_work_is_committed_once_and_its_result_returned(engine, incident):
    def work(connection):
        connection.execute(incident.insert(), {"id": uuid.uuid4()})
        return "done"

    assert in_transaction(engine, work) == "done"
    assert count(engine, incident) == 1


def test_what_work_raises_rolls_everything_back_and_comes_out(engine, incident):
    ran = []

    def work(connection):
        connection.execute(incident.insert(), {"id": uuid.uuid4()})
        after_commit(connection, "x", lambda: ran.append("hook"))
        raise LookupError("refused")

    with pytest.raises(LookupError):
        in_transaction(engine, work)
    in_transaction(engine, lambda connection: connection.exec_driver_sql("SELECT 1"))
    assert count(engine, incident) == 0
    assert ran == []


def test_hooks_run_after_the_commit_and_one_that_fails_harms_nothing(engine, incident):
    seen = []

    def broken():
        raise OSError("no")

    def work(connection):
        after_commit(connection, "broken", broken)
        after_commit(connection, "count", lambda: seen.append(count(engine, incident)))
        connection.execute(incident.insert(), {"id": uuid.uuid4()})
        return 7

    assert in_transaction(engine, work) == 7
    assert seen == [1]


@pytest.mark.parametrize("isolation", ["SERIALIZABLE", "REPEATABLE READ"])
def test_a_clash_is_run_again(engine, incident, isolation):
    row = uuid.uuid4()
    in_transaction(engine, lambda connection: connection.execute(incident.insert(), {"id": row, "seen": 0}))
    tries = []

    def add_one(connection):
        connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        seen = connection.execute(sa.select(incident.c.seen)).scalar_one()
        tries.append(seen)
        if len(tries) == 1:
            in_transaction(engine, lambda other: other.execute(incident.update().values(seen=10)))
        connection.execute(incident.update().values(seen=seen + 1))

    in_transaction(engine, add_one)
    assert tries == [0, 10]
    with engine.connect() as connection:
        assert connection.execute(sa.select(incident.c.seen)).scalar_one() == 11


def test_two_that_deadlock_both_finish(engine, incident):
    rows = sorted(uuid.uuid4() for _ in range(2))
    in_transaction(
        engine, lambda connection: connection.execute(incident.insert(), [{"id": row, "seen": 0} for row in rows])
    )
    both_hold_one = threading.Barrier(2)

    def lock_both(order):
        first_try = iter([True])

        def work(connection):
            connection.execute(incident.update().where(incident.c.id == order[0]).values(seen=incident.c.seen + 1))
            if next(first_try, False):
                both_hold_one.wait(timeout=10)
            connection.execute(incident.update().where(incident.c.id == order[1]).values(seen=incident.c.seen + 1))

        in_transaction(engine, work)

    threads = [threading.Thread(target=lock_both, args=(order,)) for order in (rows, rows[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    with engine.connect() as connection:
        assert connection.execute(sa.select(incident.c.seen)).scalars().all() == [2, 2]


def test_a_clash_that_stays_is_unavailable_and_retryable(engine):
    tries = []

    def clash(connection):
        tries.append(1)
        connection.exec_driver_sql("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    with pytest.raises(Unavailable) as caught:
        in_transaction(engine, clash, attempts=3)
    assert caught.value.retryable
    assert len(tries) == 3


def test_a_defect_is_not_called_unavailable(engine):
    with pytest.raises(exc.ProgrammingError):
        in_transaction(engine, lambda connection: connection.exec_driver_sql("SELECT nothing FROM nowhere"))


def test_a_session_that_the_server_ends_is_unavailable_and_the_next_transaction_works(engine):
    def end_own_session(connection):
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    before = metrics.DATABASE_UNAVAILABLE._value.get()
    with pytest.raises(Unavailable):
        in_transaction(engine, end_own_session)
    assert metrics.DATABASE_UNAVAILABLE._value.get() == before + 1
    assert in_transaction(engine, lambda connection: connection.exec_driver_sql("SELECT 1").scalar_one()) == 1


def test_pooled_sessions_that_died_meanwhile_are_not_noticed_by_the_work(engine):
    in_transaction(engine, lambda connection: connection.exec_driver_sql("SELECT 1"))
    other = create_engine(engine.url.render_as_string(hide_password=False), name="c1-killer")
    with other.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'c1-tests'"
        )
    other.dispose()
    assert in_transaction(engine, lambda connection: connection.exec_driver_sql("SELECT 1").scalar_one()) == 1


def test_an_unreachable_database_is_unavailable():
    nowhere = create_engine("postgresql://nobody:x@127.0.0.1:1/none", name="c1")
    with pytest.raises(Unavailable):
        in_transaction(nowhere, lambda connection: connection.exec_driver_sql("SELECT 1"))
    check = database_check(nowhere)
    assert (check.ok, check.name) == (False, "database")


def test_the_database_answers_its_check(engine):
    assert database_check(engine).ok


@pytest.fixture
def hasty(engine):
    hasty = create_engine(
        engine.url.render_as_string(hide_password=False),
        name="c1-hasty",
        statement_timeout_ms=100,
        idle_in_transaction_timeout_ms=100,
        lock_timeout_ms=50,
    )
    yield hasty
    hasty.dispose()


def test_a_slow_statement_is_cut_off(hasty):
    with pytest.raises(Unavailable):
        in_transaction(hasty, lambda connection: connection.exec_driver_sql("SELECT pg_sleep(20)"))


def test_a_lock_is_not_waited_for_without_end(engine, hasty, incident):
    in_transaction(engine, lambda connection: connection.execute(incident.insert(), {"id": uuid.uuid4(), "seen": 0}))
    with engine.begin() as holder:
        holder.execute(incident.update().values(seen=1))
        with pytest.raises(Unavailable):
            in_transaction(hasty, lambda connection: connection.execute(incident.update().values(seen=2)))


def test_an_idle_transaction_loses_its_session_and_its_locks(engine, hasty, incident, eventually):
    in_transaction(engine, lambda connection: connection.execute(incident.insert(), {"id": uuid.uuid4(), "seen": 0}))
    frozen = hasty.connect()
    frozen.execute(incident.update().values(seen=1))
    in_transaction(engine, lambda connection: connection.execute(incident.update().values(seen=2)))
    with engine.connect() as connection:
        assert connection.execute(sa.select(incident.c.seen)).scalar_one() == 2
    frozen.invalidate()
    frozen.close()


def test_parameters_never_appear_in_errors(engine, incident):
    row = {"id": uuid.uuid4(), "seen": 1}
    in_transaction(engine, lambda connection: connection.execute(incident.insert(), row))
    with pytest.raises(exc.IntegrityError) as caught:
        in_transaction(engine, lambda connection: connection.execute(incident.insert(), row))
    assert "[SQL parameters hidden" in str(caught.value)


def test_the_databases_clock_moves_within_a_transaction(engine):
    def twice(connection):
        return database_now(connection), database_now(connection)

    first, second = in_transaction(engine, twice)
    assert first < second
    assert first.utcoffset().total_seconds() == 0


def test_json_columns_carry_what_was_put(engine, tables):
    def there_and_back(connection):
        value = {"名": ["街道", 1.5, None, True]}
        connection.execute(sa.text("CREATE TEMP TABLE j (v jsonb) ON COMMIT DROP"))
        temporary = sa.Table("j", sa.MetaData(), sa.Column("v", tables["outbox"].c.headers.type))
        connection.execute(temporary.insert(), {"v": value})
        return value, connection.execute(sa.select(temporary.c.v)).scalar_one()

    put, got = in_transaction(engine, there_and_back)
    assert put == got


def test_the_start_up_check_knows_a_plain_process():
    check_wait_callback(expected=False)
    with pytest.raises(RuntimeError, match="monkey_patch"):
        check_wait_callback(expected=True)


def test_in_a_monkey_patched_process_queries_yield_and_the_check_knows(chassis_url):
    program = """
import eventlet
eventlet.monkey_patch()
import sys, time
from chassis.database import check_wait_callback, create_engine, in_transaction
check_wait_callback(True)
try:
    check_wait_callback(False)
except RuntimeError:
    print("refused")
engine = create_engine(sys.argv[1], name="c1-green")
began = time.monotonic()
sleep = lambda connection: connection.exec_driver_sql("SELECT pg_sleep(0.5)")
threads = [eventlet.spawn(in_transaction, engine, sleep) for _ in range(8)]
for thread in threads:
    thread.wait()
print(time.monotonic() - began)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, chassis_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    refused, seconds = done.stdout.split()
    assert refused == "refused"
    assert float(seconds) < 2.0
