"""The gateway's own command: `python -m gateway.admin migrate`. Accounts: `wangge accounts`.

Exit status 0 done, 2 wrong use, 78 bad settings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chassis import logs
from chassis.migrations import upgrade
from chassis.settings import ProcessSettings, env, load_or_exit

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class AdminSettings(ProcessSettings):
    """What a migration needs: the database and nothing else."""

    database_url: str = env("DATABASE_URL", secret=True)


def migrate(database_url: str) -> None:
    """Bring the gateway's database to the newest schema."""
    upgrade(MIGRATIONS, database_url)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    parser = argparse.ArgumentParser(prog="gateway-admin", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the database to the newest schema")
    parser.parse_args(arguments)
    settings = load_or_exit(AdminSettings)
    logs.configure("gateway-admin", settings.log_level, settings.instance)
    migrate(settings.database_url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
