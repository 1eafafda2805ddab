"""One replica of a deadline clock, as a process that a test may kill, freeze and thaw."""

import os
import signal
import sys
import threading

import sqlalchemy as sa

from chassis.database import create_engine, database_now
from chassis.deadlines import DeadlineClock


def main(url: str, name: str, *options: str) -> None:
    engine = create_engine(url, name=f"c1-replica-{name}", relay_port=0)
    tables = sa.MetaData()
    tables.reflect(engine)
    fired = tables.tables["fired"]

    def fire(connection, rows):
        now = database_now(connection)
        connection.execute(
            fired.insert(),
            [
                {
                    "subject": row.subject,
                    "kind": row.kind,
                    "generation": row.generation,
                    "late_seconds": (now - row.due_at).total_seconds(),
                    "replica": name,
                }
                for row in rows
            ],
        )

        if freeze:
            freeze.clear()
            os.kill(os.getpid(), signal.SIGSTOP)

    freeze = set(options)
    clock = DeadlineClock(engine, tables.tables["deadline"], fire, subject_table=tables.tables["incident"])
    stop = threading.Event()

    def say_rank():
        said = None
        while not stop.wait(0.02):
            if clock.connected and clock.rank != said:
                said = clock.rank
                sys.stdout.write(f"{said}\n")
                sys.stdout.flush()

    threading.Thread(target=say_rank, daemon=True).start()
    clock.run(stop)


main(*sys.argv[1:])
