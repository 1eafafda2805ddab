"""procrastinate: jobs scheduled in PostgreSQL, one worker with ten in work, its table polled every 50 ms."""

import asyncio
import os

from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

URL = os.environ["DATABASE_URL"]
app = App(connector=PsycopgConnector(conninfo=URL, min_size=12, max_size=12))
FILL_SQL = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at)
  SELECT 'default', 'fire', '{}', clock_timestamp() + interval '1 day' + n * interval '1 second'
  FROM generate_series(1, %s) n
"""
# The due time travels in the arguments: scheduled_at is not told to the task.
DUE_SQL = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at)
  SELECT 'default', 'fire', jsonb_build_object('due_at', at), at
  FROM (SELECT clock_timestamp() + interval '4 seconds' + n * interval '1 second' / %s AS at
        FROM generate_series(1, %s) n) AS due
"""


async def main() -> None:
    rate, number = int(os.environ["RATE"]), int(os.environ["DUE"])
    async with AsyncConnectionPool(URL, min_size=10, max_size=10) as pool, app.open_async():

        @app.task(name="fire")
        async def fire(due_at: str) -> None:
            async with pool.connection() as connection:
                await connection.execute("INSERT INTO fired (due_at) VALUES (%s)", (due_at,))

        await app.schema_manager.apply_schema_async()
        async with pool.connection() as connection:
            # Without the triggers that log each job: filling is not what is measured.
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(FILL_SQL, (int(os.environ["ARMED"]),))
        async with pool.connection() as connection:
            await connection.set_autocommit(True)
            await connection.execute("ANALYZE procrastinate_jobs")
            await connection.set_autocommit(False)
        async with pool.connection() as connection:
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(DUE_SQL, (rate, number))
        await app.run_worker_async(concurrency=10, fetch_job_polling_interval=0.05, listen_notify=False)


if __name__ == "__main__":
    asyncio.run(main())
