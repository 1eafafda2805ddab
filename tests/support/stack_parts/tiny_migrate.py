"""Makes one table in DATABASE_URL, as a migration would; safe to run again."""

import os

import psycopg2

connection = psycopg2.connect(os.environ["DATABASE_URL"])
with connection, connection.cursor() as cursor:
    cursor.execute("CREATE TABLE IF NOT EXISTS outbox (id bigserial, created_at timestamptz DEFAULT clock_timestamp())")
connection.close()
