-- What a migration of the release after this one may bring at most in one step (docs/decisions/0075): a release that
-- runs on all of this runs on the next schema. Applied by the proof of an upgrade, after the migrations of the checkout.
SET lock_timeout = '5s';
ALTER TABLE incident ADD COLUMN next_nullable text;
ALTER TABLE incident ADD COLUMN next_defaulted integer NOT NULL DEFAULT 7;
ALTER TABLE assignment ADD COLUMN next_defaulted jsonb NOT NULL DEFAULT '{}';
ALTER TABLE timeline ADD COLUMN next_nullable timestamptz;
ALTER TABLE team ADD COLUMN next_defaulted boolean NOT NULL DEFAULT false;
ALTER TABLE outbox ADD COLUMN next_nullable text;
ALTER TABLE deadline ADD COLUMN next_nullable text;
ALTER TABLE idempotency ADD COLUMN next_nullable text;
CREATE TABLE next_thing (id uuid PRIMARY KEY, incident_id uuid NOT NULL REFERENCES incident);
CREATE INDEX CONCURRENTLY incident_next ON incident (next_defaulted, received_at);
