"""The numbered migrations of the dispatch database; `upgrade` is what `admin migrate` runs."""

from pathlib import Path

from alembic import command
from alembic.config import Config

HERE = Path(__file__).parent


def configuration(database_url: str) -> Config:
    """The alembic configuration of this service; there is no ini file to keep in step with it."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    # Passed as an attribute: the ini parser would read the % of a quoted password as an interpolation.
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`. Safe to call from several processes at once (advisory lock)."""
    command.upgrade(configuration(database_url), revision)
