"""The timeline cannot be edited by accident, and an edit on purpose is found."""

import json
import os
import subprocess
import sys
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from services.dispatch import bootstrap

pytestmark = pytest.mark.integration


@pytest.fixture
def tamper(engine):
    """`tamper(sql, **parameters)`: with the trigger out of the way, as only the table's owner can."""

    def tampered(statement, **parameters):
        with engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE timeline DISABLE TRIGGER timeline_append_only"))
            connection.execute(sa.text(statement), parameters)
            connection.execute(sa.text("ALTER TABLE timeline ENABLE TRIGGER timeline_append_only"))

    return tampered


@pytest.fixture
def five_links(do, incident):
    """An incident whose timeline has five entries, beside an untouched one."""
    incident()
    made = incident()
    do("incident.push", incident=made)
    for _ in range(3):
        do("incident.note", incident=made, data={"note": "备注"})
    return made


@pytest.mark.parametrize("edit", ["UPDATE timeline SET body = '{}'", "DELETE FROM timeline", "TRUNCATE timeline"])
def test_the_timeline_refuses_every_edit(engine, five_links, rows, edit):
    with pytest.raises(exc.ProgrammingError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(edit))
    assert rows("SELECT count(*) FROM timeline") == [(6,)]


def test_untouched_timelines_hold(engine, five_links):
    report = bootstrap.verify_timelines(engine)
    assert (report.holds, report.incidents, report.entries) == (True, 2, 6)


@pytest.mark.parametrize(
    ("edit", "seq", "reason"),
    [
        (
            "UPDATE timeline SET body = replace(body, '\"dev\"', '\"another\"') WHERE incident_id = :id AND seq = 3",
            3,
            "hash",
        ),
        ("UPDATE timeline SET by = 'another' WHERE incident_id = :id AND seq = 2", 2, "columns"),
        (
            "UPDATE timeline SET occurred_at = occurred_at - interval '1 s' WHERE incident_id = :id AND seq = 4",
            4,
            "columns",
        ),
        ("DELETE FROM timeline WHERE incident_id = :id AND seq = 2", 3, "missing"),
        ("DELETE FROM timeline WHERE incident_id = :id AND seq = 5", 5, "head"),
        ("DELETE FROM timeline WHERE incident_id = :id", 1, "head"),
        ("UPDATE incident SET version = version + 1 WHERE incident_id = :id", 6, "count"),
    ],
)
def test_an_edit_is_found_at_its_first_place(engine, five_links, tamper, edit, seq, reason):
    tamper(edit, id=five_links)
    report = bootstrap.verify_timelines(engine)
    assert [(each.incident_id, each.seq, each.reason) for each in report.broken] == [(five_links, seq, reason)]


def test_a_timeline_without_its_incident_is_found(engine, five_links, tamper):
    tamper("DELETE FROM incident WHERE incident_id = :id", id=five_links)
    assert [each.reason for each in bootstrap.verify_timelines(engine).broken] == ["orphan"]


def test_one_incident_can_be_verified_alone(engine, five_links, tamper, incident):
    other = incident()
    tamper("UPDATE timeline SET by = 'x' WHERE incident_id = :id", id=five_links)
    assert bootstrap.verify_timelines(engine, UUID(other)).holds
    assert not bootstrap.verify_timelines(engine, UUID(five_links)).holds


def test_the_command_exits_1_and_names_what_does_not_hold(database_url, five_links, tamper):
    def verify(*arguments):
        command = [sys.executable, "-m", "services.dispatch.entrypoints.admin", "audit-verify", *arguments]
        environment = {**os.environ, "DATABASE_URL": database_url}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    assert verify().returncode == 0
    tamper("UPDATE timeline SET body = '{}' WHERE incident_id = :id AND seq = 2", id=five_links)
    told = verify("--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["broken"] == [{"incident_id": five_links, "seq": 2, "reason": "hash"}]
    assert five_links in verify("--incident", five_links).stdout
