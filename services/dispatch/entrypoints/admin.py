"""Dispatch's commands: `python -m services.dispatch.entrypoints.admin migrate | audit-verify | policy-put | reseal`.

Exit status 0 done or the record holds, 1 a timeline does not hold, a policy is refused or something could not be
resealed, 2 wrong use, 78 bad settings.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine

from chassis import logs
from chassis.database import create_engine
from chassis.scope import COUNTY
from chassis.settings import load_or_exit
from services.dispatch import bootstrap
from services.dispatch.domain.errors import Refusal
from services.dispatch.settings import AdminSettings, SealingSettings

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
    settings = load_or_exit(SealingSettings if asked.command == "reseal" else AdminSettings)
    logs.configure("dispatch-admin", settings.log_level, settings.instance)
    if asked.command == "migrate":
        bootstrap.migrate(settings.database_url)
        return 0
    engine = create_engine(settings.database_url, name="dispatch-admin", pool_size=1, scope=COUNTY)
    try:
        if asked.command == "policy-put":
            return _put_policies(engine, asked.file)
        if isinstance(settings, SealingSettings):
            return _reseal(engine, settings)
        report = bootstrap.verify_timelines(engine, asked.incident)
    finally:
        engine.dispose()
    _show(report, as_json=asked.json)
    return 0 if report.holds else 1


def _put_policies(engine: Engine, file: Path) -> int:
    try:
        policies = json.loads(file.read_text(encoding="utf-8"))
        done = bootstrap.put_policies(engine, policies)
    except (OSError, ValueError, AttributeError, Refusal) as error:
        _say(f"{file}: 未生效 · refused: {error}")
        return 1
    for policy_id, (version, is_new) in done.items():
        _say(f"{policy_id} v{version}: " + ("3 秒后生效 · in force in 3 seconds" if is_new else "未变 · unchanged"))
    return 0


def _reseal(engine: Engine, settings: SealingSettings) -> int:
    key, done = bootstrap.reseal_contacts(engine, settings, lambda so_far: _say(f"… {so_far.seen}"))
    _say(
        f"{done.seen} 条联系方式，{done.changed} 条已改由 {key} 封存 ·"
        f" {done.seen} contacts, {done.changed} sealed anew by {key}"
    )
    for name, number in sorted(done.left.items()):
        _say(f"{number} 条需要未配置的密钥 {name} · need the master key {name}, which is not configured")
    return 1 if done.left else 0


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
    put = commands.add_parser("policy-put", help="add versions of SLA policies from a JSON file: {policy id: rules}")
    put.add_argument("file", type=Path)
    commands.add_parser(
        "reseal", help="seal contact details anew by the present master key, so that the old one can go"
    )
    audit.add_argument("--json", action="store_true", help="print the whole report as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
