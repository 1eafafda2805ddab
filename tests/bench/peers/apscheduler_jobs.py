"""APScheduler 3: jobs in its SQLAlchemy store on PostgreSQL, ten threads."""

import os
import pickle
from datetime import UTC, datetime, timedelta

import psycopg2
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.date import DateTrigger
from psycopg2.extras import execute_values
from psycopg2.pool import ThreadedConnectionPool

URL = os.environ["DATABASE_URL"]
pool = ThreadedConnectionPool(10, 12, URL)
FILL_SQL = """
INSERT INTO apscheduler_jobs SELECT 'far' || n, extract(epoch FROM clock_timestamp()) + 86400 + n, %s
  FROM generate_series(1, %s) n
"""


def fire(due_at: datetime) -> None:
    connection = pool.getconn()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO fired (due_at) VALUES (%s)", (due_at,))
    finally:
        pool.putconn(connection)


def state(scheduler: BlockingScheduler, number: int, due_at: datetime) -> bytes:
    told = {"trigger": DateTrigger(due_at, UTC), "executor": "default", "func": fire, "args": (due_at,)}
    told |= {"kwargs": {}, "name": "fire", "misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    job = Job(scheduler, id=f"due{number}", next_run_time=due_at, **told)
    return pickle.dumps(job.__getstate__(), pickle.HIGHEST_PROTOCOL)


def main() -> None:
    store = SQLAlchemyJobStore(url=URL)
    scheduler = BlockingScheduler(
        jobstores={"default": store}, executors={"default": ThreadPoolExecutor(10)}, timezone=UTC
    )
    store.start(scheduler, "default")
    rate, number = int(os.environ["RATE"]), int(os.environ["DUE"])
    start = datetime.now(UTC)
    with psycopg2.connect(URL) as connection, connection.cursor() as cursor:
        cursor.execute(FILL_SQL, (state(scheduler, 0, start + timedelta(days=1)), int(os.environ["ARMED"])))
        start = datetime.now(UTC) + timedelta(seconds=6)
        due = [(n, start + timedelta(seconds=n / rate)) for n in range(number)]
        rows = [(f"due{n}", at.timestamp(), state(scheduler, n, at)) for n, at in due]
        execute_values(cursor, "INSERT INTO apscheduler_jobs VALUES %s", rows, page_size=1000)
    scheduler.start()


if __name__ == "__main__":
    main()
