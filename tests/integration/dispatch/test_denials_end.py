"""The record of denials forgets after its days, in small steps; what the law asks for nobody deletes, by no setting."""

import psycopg2
import pytest
import sqlalchemy as sa

from chassis import metrics
from chassis.database import in_transaction
from chassis.scope import COUNTY
from chassis.settings import SettingsError
from services.dispatch import bootstrap

pytestmark = pytest.mark.integration


@pytest.fixture
def worker(database_url, new_database, settings_of):
    """Settings and engine of a sidecar, which owns no table."""
    settings = settings_of(new_database.as_service(database_url), WANGGE_DENIALS_DAYS="200")
    engine = bootstrap.sidecar_engine(settings)
    yield settings, engine
    engine.dispose()


def record(engine, rows, days):
    """So many denials, each as many days old as `days` says in SQL of the row's number n."""
    engine_sql = sa.text(
        "INSERT INTO denial (denial_id, recorded_at, said_by, asked, code, subject, client, credential, times)"
        f" SELECT gen_random_uuid(), clock_timestamp() - ({days}) * interval '1 day', 'gateway', 'GET /v1/board',"
        " 'forbidden', 's', 'c', 'token', 1 FROM generate_series(1, :rows) AS n"
    )
    in_transaction(engine, lambda connection: connection.execute(engine_sql, {"rows": rows}), scope=COUNTY)


def left(engine):
    count = sa.text("SELECT count(*) FROM denial")
    return in_transaction(engine, lambda connection: connection.execute(count).scalar_one(), scope=COUNTY)


def test_denials_older_than_their_days_go_a_thousand_at_a_time_and_others_stay(worker):
    settings, engine = worker
    record(engine, 2300, "201 + n % 300")
    record(engine, 40, "n")
    record(engine, 5, "199")
    (cleaner,) = [each for each in bootstrap.cleaners(settings, engine) if each.table.name == "denial"]
    before = metrics.CLEANED.labels("denial")._value.get()
    assert [cleaner.clean_once() for _ in range(4)] == [1000, 1000, 300, 0]
    assert left(engine) == 45
    assert metrics.CLEANED.labels("denial")._value.get() - before == 2300


@pytest.mark.parametrize("who", ["service", "owner"])
def test_what_is_younger_than_six_months_nobody_deletes(worker, engine, who):
    record(worker[1], 1, "178")
    record(worker[1], 1, "300")
    with pytest.raises(sa.exc.DBAPIError) as refused:
        in_transaction(
            worker[1] if who == "service" else engine,
            lambda connection: connection.exec_driver_sql("DELETE FROM denial"),
            scope=COUNTY,
        )
    assert isinstance(refused.value.orig, psycopg2.errors.InsufficientPrivilege)
    assert left(worker[1]) == 2


@pytest.mark.parametrize("statement", ["UPDATE denial SET subject = 'x'", "TRUNCATE denial"])
def test_of_an_old_one_nothing_is_changed_either(worker, engine, statement):
    record(worker[1], 1, "300")
    with pytest.raises(sa.exc.DBAPIError) as refused:
        in_transaction(engine, lambda connection: connection.exec_driver_sql(statement), scope=COUNTY)
    assert isinstance(refused.value.orig, psycopg2.errors.InsufficientPrivilege)


def test_fewer_days_than_six_months_have_keep_a_process_from_starting(settings_of):
    assert settings_of("postgresql://nowhere/x").denials_days == 400
    with pytest.raises(SettingsError, match="WANGGE_DENIALS_DAYS"):
        settings_of("postgresql://nowhere/x", WANGGE_DENIALS_DAYS="183")
