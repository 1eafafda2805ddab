"""The registry's commands: `python -m services.registry.entrypoints.admin migrate | import DIR | announce`.

Exit status 0 done, 1 refused (the report says why), 2 wrong use, 78 bad settings.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from chassis import logs
from chassis.clock import parse_time
from chassis.errors import ServiceError
from chassis.settings import load_or_exit
from services.registry import bootstrap
from services.registry.application.county_files import FILES
from services.registry.application.report import ImportReport
from services.registry.settings import AdminSettings

SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    asked = _parser().parse_args(arguments)
    settings = load_or_exit(AdminSettings)
    logs.configure("registry-admin", settings.log_level, settings.instance)
    try:
        if asked.command == "migrate":
            bootstrap.migrate(settings.database_url)
            return 0
        if asked.command == "announce":
            return _announce(settings)
        return _import(settings, asked)
    except ServiceError as error:
        _say(f"{error.title}: {error}", to=sys.stderr)
        return 1


def _import(settings: AdminSettings, asked: argparse.Namespace) -> int:
    files = {name: path.read_bytes() for name in FILES if (path := asked.directory / name).is_file()}
    if not files:
        _say(f"{asked.directory} 中没有可导入的文件 · holds none of {', '.join(FILES)}", to=sys.stderr)
        return 2
    report = bootstrap.import_files(settings.database_url, files, partial_=asked.partial, valid_from=asked.valid_from)
    if asked.json:
        _say(json.dumps(report.to_dict(), ensure_ascii=False, indent=1))
    else:
        _show(report)
    return 0 if report.applied else 1


def _announce(settings: AdminSettings) -> int:
    number = bootstrap.announce(settings.database_url, _progress)
    _say(f"已重新通告 {number} 条现行数据 · announced as they stand now: {number} events")
    return 0


def _progress(told: int, total: int) -> None:
    """One line that rewrites itself; a log file gets none of it, it has the result."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r通告 announcing {told}/{total}" + ("\n" if told >= total else ""))
        sys.stderr.flush()


def _show(report: ImportReport) -> None:
    for fault in report.faults[:SHOWN]:
        place = f"{fault.file}:{fault.row}" if fault.row else fault.file
        _say(f"{place} [{fault.field}] {fault.rule} {fault.code or ''}\n  {fault.message_zh} · {fault.message_en}")
    if len(report.faults) > SHOWN:
        _say(f"另有 {len(report.faults) - SHOWN} 条 · and {len(report.faults) - SHOWN} more (--json)")
    for name, tally in report.tallies.items():
        _say(
            f"{name}: 共 {tally.rows} 新增 {tally.new} 变更 {tally.changed} 撤销 {tally.retired} 未变 {tally.unchanged}"
            f" 未通过 {tally.refused} · rows, new, changed, retired, unchanged, refused"
        )
    _say(
        f"已导入 · imported, {report.events} events" if report.applied else "未导入，数据未改动 · nothing was imported"
    )


def _say(line: str, to: TextIO | None = None) -> None:
    (to or sys.stdout).write(line + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="registry-admin", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the database to the newest schema")
    load = commands.add_parser("import", help="import a county's files, all or nothing")
    load.add_argument("directory", type=Path)
    load.add_argument("--partial", action="store_true", help="take the sound records and leave the faulty out")
    load.add_argument("--json", action="store_true", help="print the whole report as JSON")
    load.add_argument("--valid-from", type=parse_time, help="when the facts began to hold (RFC 3339); default now")
    commands.add_parser("announce", help="tell every node, centre and post again, for a consumer that came late")
    return parser


if __name__ == "__main__":
    sys.exit(main())
