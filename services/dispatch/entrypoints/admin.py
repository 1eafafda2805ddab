"""Dispatch's commands: `python -m services.dispatch.entrypoints.admin migrate | audit-verify [--incident ID] [--json]`.

Exit status 0 done or the record holds, 1 a timeline does not hold, 2 wrong use, 78 bad settings.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from uuid import UUID

from chassis import logs
from chassis.database import create_engine
from chassis.settings import load_or_exit
from services.dispatch import bootstrap
from services.dispatch.migrations.schema import upgrade
from services.dispatch.settings import AdminSettings

SHOWN = 20
_REASONS = {
    "missing": "缺少条目 · an entry is missing",
    "order": "顺序被打乱 · entries are out of order",
    "hash": "内容被改动 · the content was changed",
    "head": "链尾不符 · the chain ends elsewhere",
    "columns": "检索列与原文不符 · a column says something else than what was hashed",
    "count": "条目数与版本不符 · entries and version differ",
    "orphan": "事件已不存在 · its incident is gone",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    asked = _parser().parse_args(arguments)
    settings = load_or_exit(AdminSettings)
    logs.configure("dispatch-admin", settings.log_level, settings.instance)
    if asked.command == "migrate":
        upgrade(settings.database_url)
        return 0
    engine = create_engine(settings.database_url, name="dispatch-audit", pool_size=1)
    try:
        report = bootstrap.verify_timelines(engine, asked.incident)
    finally:
        engine.dispose()
    _show(report, as_json=asked.json)
    return 0 if report.holds else 1


def _show(report: bootstrap.AuditReport, *, as_json: bool) -> None:
    if as_json:
        _say(json.dumps(report.to_dict(), ensure_ascii=False, indent=1))
        return
    for each in report.broken[:SHOWN]:
        _say(f"{each.incident_id} #{each.seq}: {_REASONS[each.reason]}")
    if report.broken_count > SHOWN:
        _say(f"另有 {report.broken_count - SHOWN} 起 · and {report.broken_count - SHOWN} more (--json)")
    verdict = "未被改动 · holds" if report.holds else f"{report.broken_count} 起不符 · do not hold"
    _say(f"已核验 {report.incidents} 起事件、{report.entries} 条记录 · incidents and entries verified: {verdict}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dispatch-admin", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the database to the newest schema")
    audit = commands.add_parser("audit-verify", help="verify the hash chain of every timeline, or of one")
    audit.add_argument("--incident", type=UUID, help="only this incident")
    audit.add_argument("--json", action="store_true", help="print the whole report as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
