import threading
import uuid
from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis import metrics
from chassis.database import create_engine, database_now, in_transaction
from chassis.deadlines import Deadline, DeadlineClock, arm, disarm

pytestmark = pytest.mark.integration


@pytest.fixture
def county(engine, tables):
    return County(engine, tables)


class County:
    """Incidents with deadlines, and what has been fired."""

    def __init__(self, engine, tables):
        self.engine, self.tables = engine, tables
        self.table, self.incident, self.fired = tables["deadline"], tables["incident"], tables["fired"]

    def arm(self, seconds, kind="breach.push", generation=1):
        """Arms one deadline a figure, that many seconds from now; their subjects."""

        def work(connection):
            now = database_now(connection)
            subjects = [uuid.uuid4() for _ in seconds]
            connection.execute(self.incident.insert(), [{"id": subject, "seen": 0} for subject in subjects])
            due = (now + timedelta(seconds=ahead) for ahead in seconds)
            rows = [Deadline(str(key), kind, generation, at) for key, at in zip(subjects, due, strict=True)]
            arm(connection, self.table, rows)
            return [str(subject) for subject in subjects]

        return in_transaction(self.engine, work)

    def write(self, connection, rows):
        now = database_now(connection)
        connection.execute(
            self.fired.insert(),
            [
                {
                    "subject": row.subject,
                    "kind": row.kind,
                    "generation": row.generation,
                    "late_seconds": (now - row.due_at).total_seconds(),
                }
                for row in rows
            ],
        )

    def seen(self):
        read = sa.select(self.fired).order_by(self.fired.c.place)
        return in_transaction(self.engine, lambda connection: connection.execute(read).all())

    def armed(self):
        with self.engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(self.table)).scalar_one()


@pytest.fixture
def start(county):
    stops, threads = [], []

    def start(fire=county.write, **options):
        clock = DeadlineClock(county.engine, county.table, fire, **options)
        stop = threading.Event()
        thread = threading.Thread(target=clock.run, args=(stop,), daemon=True)
        thread.start()
        stops.append(stop)
        threads.append(thread)
        return clock

    yield start
    for stop in stops:
        stop.set()
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_a_deadline_fires_when_due_and_not_before(county, start, eventually):
    start()
    subjects = county.arm([1.5, 2.0, 60.0])
    eventually(lambda: len(county.seen()) == 2, within=10)
    assert [row.subject for row in county.seen()] == subjects[:2]
    assert all(row.late_seconds >= 0 for row in county.seen())
    assert county.armed() == 1


def test_a_deadline_that_was_met_does_not_fire(county, start, eventually):
    met, unmet = county.arm([1.0, 1.2])
    gone = [(met, "breach.push", 1), (unmet, "breach.push", 2), (unmet, "breach.assign", 1)]
    in_transaction(county.engine, lambda connection: disarm(connection, county.table, gone))
    assert county.armed() == 1
    start()
    eventually(lambda: county.armed() == 0, within=10)
    assert [row.subject for row in county.seen()] == [unmet]


def test_arming_again_moves_the_deadline(county):
    (subject,) = county.arm([60])

    def move(connection):
        moved = database_now(connection) + timedelta(seconds=90)
        row = Deadline(subject, "breach.push", 1, moved)
        arm(connection, county.table, [Deadline(subject, "breach.push", 1, moved - timedelta(seconds=1)), row])
        return moved

    moved = in_transaction(county.engine, move)
    with county.engine.connect() as connection:
        assert connection.execute(sa.select(county.table.c.due_at)).scalars().all() == [moved]


def test_overdue_deadlines_fire_in_due_order_after_an_outage(county, start, eventually):
    behind = [-(number * 7 % 1200) - 1 for number in range(1200)]
    subjects = county.arm(behind)
    start()
    eventually(lambda: county.armed() == 0, within=20)
    in_due_order = [subject for _, subject in sorted(zip(behind, subjects, strict=True))]
    assert [row.subject for row in county.seen()] == in_due_order


def test_deadlines_beyond_what_one_scan_reads_are_seen_before_they_are_due(county, start, eventually, monkeypatch):
    monkeypatch.setattr("chassis.deadlines.SCAN_SECONDS", 60.0)
    monkeypatch.setattr("chassis.deadlines._SCAN_LIMIT", 3)
    # Gaps longer than the stand-by's questions and the busy retry: only another scan finds the next.
    county.arm([0.5 + 0.2 * number for number in range(12)])
    start()
    eventually(lambda: county.armed() == 0, within=20)


def test_a_short_deadline_armed_while_firing_is_not_left_to_the_next_scan(county, start, eventually):
    def fire_and_arm(connection, rows):
        county.write(connection, rows)
        again = [
            Deadline(row.subject, "escalate.push", row.generation, database_now(connection) + timedelta(seconds=0.1))
            for row in rows
            if row.kind == "breach.push"
        ]
        arm(connection, county.table, again)

    clock = start(fire_and_arm)
    eventually(lambda: clock.connected)
    county.arm([0.2])
    clock.rescan()
    eventually(lambda: len(county.seen()) == 2)
    assert county.seen()[1].kind == "escalate.push"
    assert county.seen()[1].late_seconds < 0.5


def test_a_nudge_from_outside_is_heeded(county, start, eventually):
    clock = start()
    eventually(lambda: clock.connected)
    county.arm([0.3])
    with county.engine.connect() as connection:
        clock.nudge(database_now(connection) + timedelta(seconds=0.3))
    eventually(county.seen)
    assert county.seen()[0].late_seconds < 0.5


def test_a_busy_incident_is_passed_by_and_fired_as_soon_as_it_is_free(county, start, eventually):
    busy, free = county.arm([0.8, 0.9])
    start(subject_table=county.incident)
    with county.engine.begin() as holder:
        held = county.incident.update().where(county.incident.c.id == uuid.UUID(busy)).values(seen=1)
        holder.execute(held)
        eventually(lambda: [row.subject for row in county.seen()] == [free], within=10)
        released = database_now(holder)
    eventually(lambda: len(county.seen()) == 2)
    with county.engine.connect() as connection:
        assert database_now(connection) - released < timedelta(seconds=2)


def test_the_incident_is_locked_while_its_deadline_fires(county, start, eventually):
    firing, go_on = threading.Event(), threading.Event()

    def slow(connection, rows):
        firing.set()
        assert go_on.wait(0.9)
        county.write(connection, rows)

    (subject,) = county.arm([0.1])
    start(slow, subject_table=county.incident)
    assert firing.wait(10)
    with county.engine.connect() as connection:
        locked = sa.select(county.incident.c.id).with_for_update(skip_locked=True)
        assert connection.execute(locked).all() == []
    go_on.set()
    eventually(lambda: [row.subject for row in county.seen()] == [subject])


def test_a_deadline_whose_handler_fails_stays_armed_and_stops_no_other(county, start, eventually):
    bad, *good = county.arm([0.5, 0.5, 0.6, 0.7])

    def picky(connection, rows):
        county.write(connection, rows)
        if any(row.subject == bad for row in rows):
            raise ValueError("a defect")

    before = metrics.DEADLINE_FAILED.labels("breach.push")._value.get()
    start(picky)
    eventually(lambda: {row.subject for row in county.seen()} == set(good), within=10)
    assert county.armed() == 1
    assert metrics.DEADLINE_FAILED.labels("breach.push")._value.get() > before


def test_a_clash_while_firing_is_tried_again(county, start, eventually):
    tries = []

    def clash_twice(connection, rows):
        tries.append(len(rows))
        if len(tries) <= 2:
            connection.exec_driver_sql("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$")
        county.write(connection, rows)

    county.arm([0.2])
    start(clash_twice)
    eventually(lambda: len(county.seen()) == 1, within=10)
    assert county.armed() == 0


def test_the_clock_survives_the_loss_of_its_sessions(county, start, eventually, chassis_url):
    clock = start()
    eventually(lambda: clock.connected)
    county.arm([2.5])
    other = create_engine(chassis_url, name="c1-killer")
    with other.connect() as connection:
        ended = connection.exec_driver_sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'c1-tests'"
        ).scalar_one()
    other.dispose()
    assert ended >= 2
    eventually(county.seen, within=10)
    assert clock.rank == 0


def test_ranks_are_distinct_and_close_up_when_one_leaves(county, start, eventually):
    stop = threading.Event()
    first = DeadlineClock(county.engine, county.table, county.write)
    thread = threading.Thread(target=first.run, args=(stop,), daemon=True)
    thread.start()
    eventually(lambda: first.connected)
    others = [start() for _ in range(2)]
    eventually(lambda: sorted(clock.rank for clock in [first, *others]) == [0, 1, 2])
    stop.set()
    thread.join(timeout=10)
    eventually(lambda: sorted(clock.rank for clock in others) == [0, 1])


def test_a_stand_by_that_had_to_fire_takes_the_free_rank_at_once_and_not_at_its_next_scan(
    county, start, eventually, monkeypatch
):
    monkeypatch.setattr("chassis.deadlines.SCAN_SECONDS", 60.0)
    monkeypatch.setattr("chassis.deadlines.LOOK_AHEAD_SECONDS", 60.0)
    county.arm([5.0])
    stop = threading.Event()
    first = DeadlineClock(county.engine, county.table, county.write)
    thread = threading.Thread(target=first.run, args=(stop,), daemon=True)
    thread.start()
    eventually(lambda: first.connected)
    second = start()
    eventually(lambda: second.connected)
    assert (first.rank, second.rank) == (0, 1)
    stop.set()
    thread.join(timeout=10)
    eventually(lambda: second.rank == 0, within=10)
    assert county.armed() == 0


def test_metrics_tell_what_was_fired_and_how_late(county, start, eventually):
    fired = metrics.DEADLINE_FIRED.labels("breach.push")
    before = fired._value.get(), metrics.DEADLINE_LATENESS._sum.get()
    start()
    county.arm([-3.0, -4.0])
    eventually(lambda: county.armed() == 0, within=10)
    eventually(lambda: fired._value.get() == before[0] + 2)
    assert metrics.DEADLINE_LATENESS._sum.get() - before[1] >= 7.0


def test_the_claim_reads_the_index_and_not_the_table(county):
    with county.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO deadline SELECT gen_random_uuid(), 'breach.push', 1, clock_timestamp() + interval '1 day'"
            " FROM generate_series(1, 20000)"
        )
        connection.exec_driver_sql("ANALYZE deadline")
        clock = DeadlineClock(county.engine, county.table, county.write)
        plan = connection.exec_driver_sql(
            "EXPLAIN " + clock._table._claim.format(which="d.due_at <= (SELECT clock_timestamp())"), (500,)
        ).scalars()
        text = "\n".join(plan)
        assert "Index Scan using ix_deadline_due_at" in text
        assert "Index Cond: (due_at <= $" in text or "Index Cond: (due_at <= (InitPlan" in text
        assert clock._table.armed(connection) >= 10_000
