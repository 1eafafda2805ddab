"""A database of the chassis's own tables, and nothing of any service's."""

import pytest
import sqlalchemy as sa

from chassis.database import QUEUE_STORAGE_SQL, chassis_tables, create_engine


@pytest.fixture(scope="session")
def chassis_url(new_database):
    """A fresh database, used by every test of the chassis: each test empties the tables it finds."""
    return new_database("c1_chassis")


@pytest.fixture(scope="session")
def metadata():
    metadata = sa.MetaData()
    chassis_tables(metadata)
    sa.Table("incident", metadata, sa.Column("id", sa.Uuid, primary_key=True), sa.Column("seen", sa.Integer))
    # What firing does: the primary key makes a second firing of one deadline an error nobody can overlook.
    sa.Table(
        "fired",
        metadata,
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("generation", sa.Integer, primary_key=True),
        sa.Column("place", sa.Integer, sa.Identity()),
        sa.Column("late_seconds", sa.Float),
        sa.Column("replica", sa.Text),
    )
    return metadata


@pytest.fixture(scope="session")
def created_engine(chassis_url, metadata):
    engine = create_engine(chassis_url, name="c1-tests", relay_port=0)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for statement in QUEUE_STORAGE_SQL:
            connection.exec_driver_sql(statement)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(created_engine, metadata):
    with created_engine.begin() as connection:
        connection.exec_driver_sql(f"TRUNCATE {', '.join(metadata.tables)}")
    return created_engine


@pytest.fixture
def tables(metadata):
    return metadata.tables
