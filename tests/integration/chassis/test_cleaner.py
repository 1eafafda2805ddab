"""What has served its time is found without reading what has not."""

from datetime import timedelta

import pytest

from chassis.cleaner import IDEMPOTENCY_KEPT, Cleaner

pytestmark = pytest.mark.integration

# A month of answers that were given one after another, and the last days of the month before.
ANSWERS = """
INSERT INTO idempotency (client, key, fingerprint, answer, recorded_at)
SELECT 'desk', n::text, '\\x00', decode(repeat('ab', 400), 'hex'), clock_timestamp() - (40000 - n) * interval '66 s'
FROM generate_series(1, 40000) n
"""


def blocks_read(engine):
    engine.dispose()  # a session tells of what it read as it ends
    with engine.connect() as connection:
        return connection.exec_driver_sql(
            "SELECT heap_blks_read + heap_blks_hit FROM pg_statio_user_tables WHERE relname = 'idempotency'"
        ).scalar_one()


def test_answers_that_are_old_are_found_without_reading_the_others(engine, metadata):
    table = metadata.tables["idempotency"]
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(ANSWERS)
        connection.exec_driver_sql("VACUUM ANALYZE idempotency")
        pages = connection.exec_driver_sql("SELECT relpages FROM pg_class WHERE relname = 'idempotency'").scalar_one()
    cleaner = Cleaner(engine, table, "recorded_at", IDEMPOTENCY_KEPT)
    removed = 0
    while done := cleaner.clean_once():
        removed += done
    assert removed == pytest.approx(40000 - IDEMPOTENCY_KEPT / timedelta(seconds=66), abs=5)
    before = blocks_read(engine)
    assert cleaner.clean_once() == 0
    assert blocks_read(engine) - before < pages / 10
