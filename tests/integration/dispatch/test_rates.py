"""How fast dispatch is, with a floor far below what was measured. `pytest -m bench -s tests/integration/dispatch`."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from services.dispatch import bootstrap
from tests.integration.dispatch.county import DEV, call_for_help, command

pytestmark = [pytest.mark.integration, pytest.mark.bench, pytest.mark.alone]
STEPS = ("accept", "depart", "arrive", "clear")
BATCH = 500
# Brings every push clock to one evenly spread moment, in the deadline and in the clock that the aggregate judges by.
BRING_FORWARD = """
WITH due AS (
    SELECT incident_id, clock_timestamp() + interval '6 s' + row_number() OVER () * :step * interval '1 s' AS at
    FROM incident
), moved AS (
    UPDATE deadline d SET due_at = due.at FROM due WHERE due.incident_id = d.subject AND d.kind = 'breach.push'
)
UPDATE incident i SET clocks = (
    SELECT json_agg(CASE WHEN e ->> 0 = 'push' THEN jsonb_set(e, '{8}', to_jsonb(
        to_char(due.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00')) ELSE e END)
    FROM jsonb_array_elements(i.clocks::jsonb) e
) FROM due WHERE due.incident_id = i.incident_id
"""


def batches(commands):
    return [commands[at : at + BATCH] for at in range(0, len(commands), BATCH)]


def run(dispatch, commands):
    """Rates: commands a second by the wall clock, and by this process's processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    for batch in batches(commands):
        assert all(answer["ok"] for answer in dispatch.execute(batch, DEV))
    return len(commands) / (time.perf_counter() - wall), len(commands) / (time.process_time() - processor)


def test_stamps_a_second_in_batches_of_500(dispatch, team):
    team("E1", capacity=20)
    count, start = 1000, datetime.now(UTC) - timedelta(days=30)
    told = [call_for_help(f"rate-{n}") for n in range(count)]
    refs = [f"police110:rate-{n}" for n in range(count)]
    later = iter(range(1, 20))
    run(dispatch, [command("incident.create", data=data, occurred_at=start) for data in told])
    run(dispatch, [command("incident.push", incident=ref, occurred_at=start) for ref in refs])
    run(dispatch, [command("incident.assign", incident=ref, data={"team": "E1"}, occurred_at=start) for ref in refs])
    for step in STEPS:
        at = start + timedelta(seconds=next(later))
        stamps = [command(f"assignment.{step}", incident=ref, team="E1", occurred_at=at) for ref in refs]
        wall, processor = run(dispatch, stamps)
        print(f"{step}: {wall:,.0f} stamps/s, {processor:,.0f} per processor second")
        assert processor > 800


@pytest.mark.parametrize(("count", "over"), [(600, 3.0), (1000, 0.001)])
def test_breaches_a_second_and_their_lateness(
    dispatch, engine, database_url, settings_of, rows, eventually, count, over
):
    run(dispatch, [command("incident.create", data=call_for_help(f"due-{n}")) for n in range(count)])
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM deadline WHERE kind <> 'breach.push'"))
        connection.execute(sa.text(BRING_FORWARD), {"step": over / count})
    sidecar, stop = bootstrap.sidecar_engine(settings_of(database_url)), threading.Event()
    clock = bootstrap.deadline_clock(settings_of(database_url), sidecar)
    thread = threading.Thread(target=clock.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: rows("SELECT count(*) FROM breach") == [(count,)], within=60, every=0.25)
    finally:
        stop.set()
        thread.join(10)
        sidecar.dispose()
    (late,) = rows(
        "SELECT percentile_cont(ARRAY[0.5, 0.9, 0.99, 1])"
        "  WITHIN GROUP (ORDER BY extract(epoch FROM recorded_at - due_at)) AS seconds,"
        "  extract(epoch FROM max(recorded_at) - min(due_at)) AS span FROM breach"
    )
    p50, p90, p99, worst = (1000 * share for share in late.seconds)
    print(
        f"{count} over {over} s: p50 {p50:.0f} p90 {p90:.0f} p99 {p99:.0f} max {worst:.0f} ms; all in {late.span:.1f} s"
    )
    assert late.span < over + 15
    assert rows("SELECT count(*) FROM timeline WHERE type LIKE '%.breached.v1'") == [(count,)]
