"""No migration takes away what the release before relies on, and none holds a lock that makes the county wait.

The release before is at work while a migration runs and after it (docs/decisions/0075). What a migration does all the
same is excused here, with the reason why the release before does not mind.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event

from chassis.migrations import LOCK_TIMEOUT, STATEMENT_TIMEOUT, configuration, upgrade
from gateway import admin
from services.dispatch import bootstrap as dispatch
from services.registry import bootstrap as registry
from tests.support.databases import DatabaseFactory
from tests.support.schema_shape import Shape, breaks

pytestmark = pytest.mark.integration

SERVICES: dict[str, tuple[Path, tuple[str, ...]]] = {
    "dispatch": (dispatch.MIGRATIONS, ()),
    "registry": (registry.MIGRATIONS, ("postgis",)),
    "gateway": (admin.MIGRATIONS, ()),
}
THE_OWNER_SEES_ALL = "releases before run as the owner, who sees everything when it says nothing (0058)"
IT_REFUSED_MORE = "releases before delete none at all, and their trigger refused every DELETE (0065)"
EXCUSED = {
    ("dispatch", "0009"): (THE_OWNER_SEES_ALL, {
        f"{table}: a new policy: scope" for table in ("incident", "contact", "grid_node", "centre", "post", "denial")
    }),
    ("dispatch", "0010"): (IT_REFUSED_MORE, {"denial: a new trigger: denial_is_kept"}),
    ("registry", "0002"): (THE_OWNER_SEES_ALL, {
        f"{table}: a new policy: scope" for table in ("grid_version", "centre_version", "post_version")
    }),
}  # fmt: skip
ASIDE = {
    "prefer-robust-stmts": "a migration is one transaction; what is built concurrently is dropped first",
    "prefer-bigint-over-int": "counts and versions of one thing",
    "prefer-bigint-over-smallint": "priorities and levels",
}
"""Rules of squawk that are not ours, and why."""
NO_STRUCTURE = re.compile(r"^\s*(?:SELECT|GRANT|SET|INSERT|UPDATE)\b|\balembic_version\b", re.IGNORECASE)


def revisions(service: str) -> list[str]:
    script = ScriptDirectory.from_config(configuration(SERVICES[service][0], "postgresql://nowhere"))
    return sorted(each.revision for each in script.walk_revisions())


@contextmanager
def statements() -> Iterator[list[str]]:
    """Whatever is sent to a database meanwhile by this process."""
    heard: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        heard.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


@pytest.fixture(scope="module")
def steps(new_database: DatabaseFactory) -> Callable[[str], dict[str, tuple[Shape, Shape, list[str]]]]:
    """By revision of a service: the schema before and after it, and the statements it made."""
    known: dict[str, dict[str, tuple[Shape, Shape, list[str]]]] = {}

    def of(service: str) -> dict[str, tuple[Shape, Shape, list[str]]]:
        if service not in known:
            directory, extensions = SERVICES[service]
            url = new_database(service, role=service, extensions=extensions)
            known[service] = dict(run(directory, url, revisions(service)))
        return known[service]

    return of


def run(directory: Path, url: str, numbers: list[str]) -> Iterator[tuple[str, tuple[Shape, Shape, list[str]]]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        before = Shape.read(cursor)
        for revision in numbers:
            with statements() as heard:
                upgrade(directory, url, revision)
            after = Shape.read(cursor)
            yield revision, (before, after, list(heard))
            before = after


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_migration_takes_away_what_the_release_before_relies_on(service, steps):
    found = {revision: set(breaks(before, after)) for revision, (before, after, _) in steps(service).items()}
    for revision, sentences in found.items():
        _, excused = EXCUSED.get((service, revision), ("", set()))
        assert sentences == excused, f"{service} {revision}"


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_migration_makes_the_county_wait(service, steps, tmp_path):
    for revision, (_, _, made) in steps(service).items():
        file = tmp_path / f"{service}-{revision}.sql"
        file.write_text(script(made), encoding="utf-8")
        assert complaints(file) == [], f"{service} {revision}"


def script(made: list[str]) -> str:
    """As squawk reads it: the timeouts that hold for all, and what the migration itself says."""
    timeouts = [f"SET lock_timeout = '{LOCK_TIMEOUT}'", f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"]
    own = [each.strip().rstrip(";") for each in made if not NO_STRUCTURE.search(each)]
    return ";\n".join([*timeouts, *own]) + ";\n"


def complaints(file: Path) -> list[str]:
    squawk = Path(sys.executable).with_name("squawk")
    inside = [] if "CONCURRENTLY" in file.read_text(encoding="utf-8") else ["--assume-in-transaction"]
    command = [squawk, "--pg-version", "15", "--reporter", "json", *(f"--exclude={rule}" for rule in ASIDE), *inside]
    done = subprocess.run([*command, file], capture_output=True, text=True, check=False)
    return [f"{each['rule_name']} line {each['line']}: {each['message']}" for each in json.loads(done.stdout)]


BREAKING = [
    ("ALTER TABLE read_model RENAME COLUMN revision TO rev", "read_model.revision: removed or renamed"),
    ("ALTER TABLE team DROP COLUMN members", "team.members: removed or renamed"),
    ("ALTER TABLE incident ALTER COLUMN version TYPE bigint", "incident.version: integer became bigint"),
    ("ALTER TABLE incident ALTER COLUMN pushed_at SET NOT NULL", "incident.pushed_at: must not be null now"),
    ("ALTER TABLE incident ALTER COLUMN summary DROP NOT NULL", "incident.summary: may be null now"),
    ("ALTER TABLE denial ALTER COLUMN recorded_at DROP DEFAULT", "denial.recorded_at: must be given now"),
    ("ALTER TABLE team ADD COLUMN colour text NOT NULL", "team.colour: new, and must be given"),
    ("ALTER TABLE breach ADD CHECK (generation > 0)", "breach: a new constraint: CHECK ((generation > 0))"),
    ("DROP TABLE read_model", "read_model: the table is gone"),
    ("DROP TRIGGER denial_append_only ON denial; DROP FUNCTION denial_is_append_only()",
     "denial_is_append_only() trigger: the function is gone"),
    ("CREATE UNIQUE INDEX one_a_day ON denial (subject)", "denial: unique from now on by btree (subject)"),
    ("ALTER TABLE inbox DROP CONSTRAINT inbox_pkey", "inbox: no longer unique by btree (handler, message_id)"),
]  # fmt: skip


@pytest.fixture(scope="module")
def migrated(new_database: DatabaseFactory) -> str:
    url = new_database("dispatch", role="dispatch")
    dispatch.migrate(url)
    return url


@pytest.mark.parametrize(("sql", "said"), BREAKING, ids=[sql[:40] for sql, _ in BREAKING])
def test_what_breaks_the_release_before_is_found(migrated, sql, said):
    with closing(psycopg2.connect(migrated)) as connection, connection.cursor() as cursor:
        before = Shape.read(cursor)
        cursor.execute(sql)
        assert said in set(breaks(before, Shape.read(cursor)))
        connection.rollback()


def test_what_the_next_release_may_bring_breaks_nothing(migrated):
    file = Path(__file__).parents[1] / "upgrade" / "next_release.sql"
    with closing(psycopg2.connect(migrated)) as connection, connection.cursor() as cursor:
        before = Shape.read(cursor)
        cursor.execute(file.read_text(encoding="utf-8").replace("CONCURRENTLY ", ""))
        assert list(breaks(before, Shape.read(cursor))) == []
        connection.rollback()


def test_a_statement_that_makes_the_county_wait_is_found(tmp_path):
    file = tmp_path / "index.sql"
    file.write_text(script(["CREATE INDEX i ON incident (summary)"]), encoding="utf-8")
    assert [each.partition(" ")[0] for each in complaints(file)] == ["require-concurrent-index-creation"]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_the_schema_of_a_later_release_stays_when_this_one_is_rolled_in_again(new_database, service):
    directory, extensions = SERVICES[service]
    url = new_database(service, role=service, extensions=extensions)
    upgrade(directory, url)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("UPDATE alembic_version SET version_num = '0999'")
        before = Shape.read(cursor)
        upgrade(directory, url)
        cursor.execute("SELECT version_num FROM alembic_version")
        assert cursor.fetchall() == [("0999",)]
        assert Shape.read(cursor) == before
