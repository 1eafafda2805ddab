"""One replica of a sidecar's clock: whatever it fires becomes a row, stamped by the database as it is written."""

import os
import threading

import sqlalchemy as sa

from chassis import logs
from chassis.database import chassis_tables, create_engine
from chassis.deadlines import DeadlineClock

FIRED_SQL = "INSERT INTO fired SELECT * FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::timestamptz[])"


def fire(connection, rows):
    values = ([r.subject for r in rows], [r.kind for r in rows], [r.generation for r in rows], [r.due_at for r in rows])
    connection.exec_driver_sql(FIRED_SQL, values)


if __name__ == "__main__":
    logs.configure("bench", "info")
    engine = create_engine(os.environ["DATABASE_URL"], name="replica", relay_port=0, by_key=True)
    DeadlineClock(engine, chassis_tables(sa.MetaData()).deadline, fire).run(threading.Event())
