"""The same insert for every peer: an incident, its first timeline entry, an outbox row, an idempotency row."""

import json
from uuid import uuid4

TABLES_SQL = """
CREATE TABLE incident (id uuid PRIMARY KEY, data text);
CREATE TABLE timeline (incident_id uuid, seq int, body text, PRIMARY KEY (incident_id, seq));
CREATE TABLE outbox (message_id uuid PRIMARY KEY, body text);
CREATE TABLE idempotency (key text PRIMARY KEY, answer text)
"""
INSERTS = (("incident", 2), ("timeline", 3), ("outbox", 2), ("idempotency", 2))


def values(incident_id, data):
    text = json.dumps(data)
    message, key = str(uuid4()), str(uuid4())
    return ((incident_id, text), (incident_id, 1, text), (message, text), (key, incident_id))
