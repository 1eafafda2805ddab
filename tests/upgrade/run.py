"""`python -m tests.upgrade.run --from COMMIT`: a rolling upgrade to this checkout under load, judged from the outside.

Exit status 0 when nothing was violated, 3 when the commit is not in this clone. report.json, the journal and, when
something was found, the logs of both releases go to `--folder` (.run/upgrade/report).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from cli.stack.instance import CHECKOUT
from tests.chaos import checker, settling
from tests.chaos.journal import Journal
from tests.chaos.load import Load
from tests.chaos.messages import Partner
from tests.chaos.run import grid_tree
from tests.chaos.stack import TARGETS
from tests.chaos.watching import StreamReader, Witness
from tests.support.eventually import eventually
from tests.support.machine import crowding
from tests.support.servers import private_broker, private_postgres
from tests.upgrade import releases
from tests.upgrade.replays import Replays
from tests.upgrade.stack import TwoReleases
from tests.upgrade.steps import Steps

FOLDER = CHECKOUT / ".run" / "upgrade" / "report"
NOT_IN_THIS_CLONE = 3
OWN_WORDS = ("chaos-", "amqp-")


def run(name: str, folder: Path, *, seconds: float, load: float, workers: int, back: bool) -> dict[str, Any]:
    """The report of one upgrade from the release `name`, on servers of its own that are gone afterwards."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wangge-upgrade-") as place, private_broker() as broker:
        old = releases.unpack(name, Path(place) / "previous")
        with private_postgres() as cluster:
            stack = TwoReleases(f"upgrade-{os.getpid()}", old, releases.this_checkout(), broker, cluster.url)
            journal = Journal(folder / "journal.jsonl")
            try:
                stack.start()
                say(began, f"{old} is up: {stack.address}")
                upgrade = Upgrade(stack, journal, Path(place), began)
                report = upgrade.run(seconds=seconds, load=load, workers=workers, back=back)
                if report["found"]:
                    keep_logs(stack, folder)
            except BaseException:
                keep_logs(stack, folder)
                raise
            finally:
                stack.close()
                journal.close()
    report |= {"from": old.commit, "seconds": round(time.monotonic() - began, 1)}
    (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return report


class Upgrade:
    """One upgrade under load, and what the onlookers saw of it."""

    def __init__(self, stack: TwoReleases, journal: Journal, place: Path, began: float) -> None:
        self.stack, self.journal, self.place, self.began = stack, journal, place, began
        self.reader, self.witness = StreamReader(stack, journal), Witness(stack, journal)

    def run(self, *, seconds: float, load: float, workers: int, back: bool) -> dict[str, Any]:
        self.witness.start()
        self.reader.start()
        self.stack.fill()
        eventually(lambda: not settling.waiting(self.stack), within=60, every=0.5)
        grids = grid_tree(self.stack)
        callers, replays = Load(self.stack, self.journal, 1, workers=workers), Replays(self.stack, self.place, load)
        say(self.began, "the county is filled; calls come in from now on")
        callers.start()
        replays.start()
        partner = Partner(self.stack, self.journal, 1)
        steps = Steps(self.stack, partner, seconds, lambda line: say(self.began, line))
        steps.all(back=back)
        self.stack.types = self.stack.new
        callers.stop()
        replays.stop()
        callers.join(within=90)
        found = [*steps.found, *replays.finish(), *self._rest()]
        found += [f"{part} was started again" for side in self.stack.sides for part in side.restarts()]
        found += self._verdict(grids)
        return self._report(steps, replays, found)

    def _rest(self) -> list[str]:
        """Everything comes to rest, then every clock to its end; what has not by then."""
        _, left = settling.until_empty(lambda: settling.waiting(self.stack), settling.DRAIN_SECONDS * crowding())
        left += settling.run_out(self.stack)
        with suppress(AssertionError):
            eventually(lambda: self.stack.denials() >= self.stack.denied, within=60, every=0.5)
        if (recorded := self.stack.denials()) < self.stack.denied:
            left.append(f"{recorded} of {self.stack.denied} denied requests are on the record")
        total = self.stack.query("dispatch", "SELECT count(*) FROM timeline")[0][0]
        with suppress(AssertionError):  # the checker says what is missing
            eventually(lambda: self._seen("event") >= total and self._seen("witness") >= total, within=20, every=0.5)
        self.reader.stop()
        self.witness.stop()
        return [f"at rest: {each}" for each in left]

    def _seen(self, kind: str) -> int:
        return len({(e["subject"], e["sequence"]) for e in self.journal.of(kind) if ".incident." in e["type"]})

    def _verdict(self, grids: list[Any]) -> list[str]:
        dead = settling.dead_ids(self.stack)
        evidence = checker.gather(self.stack, self.journal, TARGETS, dead)
        for incident in evidence.incidents:
            # Only this load and its partner give every incident words of its own, by which the checker knows it again.
            if not str(incident["summary"]).startswith(OWN_WORDS):
                incident["summary"] = None
        found = checker.violations(evidence)
        found += [f"dead: {message} of {queue}" for queue, ids in dead.items() for message in ids]
        if grid_tree(self.stack) != grids:
            found.append("grid_tree: an upgrade changed what dispatch knows of the county")
        for side in self.stack.sides:
            try:
                say(self.began, f"audit of {side.release}: {side.audit()}")
            except AssertionError as broken:
                found.append(f"audit: {broken}")
        return found

    def _report(self, steps: Steps, replays: Replays, found: list[str]) -> dict[str, Any]:
        counted = {name: self.stack.query("dispatch", f"SELECT count(*) FROM {name}")[0][0]
                   for name in ("incident", "assignment", "timeline", "breach")}  # fmt: skip
        return {
            "steps": steps.table,
            "answers": dict(Counter(answer["outcome"] for answer in self.journal.of("answer"))),
            "seconds to an answer": waits(self.journal),
            "troubles told": dict(Counter(f"{t['status']} {t['code']}" for t in self.journal.of("trouble"))),
            "replays": {"days": len(replays.days), "incidents": replays.incidents},
            "counted": counted,
            "schema": {name: self.stack.query(name, "SELECT version_num FROM alembic_version")[0][0]
                       for name in ("dispatch", "registry", "gateway")},
            "found": found,
        }  # fmt: skip


def waits(journal: Journal) -> dict[str, float]:
    """How long callers waited, from their first try on."""
    asked = {entry["key"]: entry["at"] for entry in journal.of("invoke")}
    took = sorted(answer["at"] - asked[answer["key"]] for answer in journal.of("answer"))
    shares = {"p50": len(took) // 2, "p99": len(took) * 99 // 100, "most": len(took) - 1} if took else {}
    return {name: round(took[place], 3) for name, place in shares.items()}


def keep_logs(stack: TwoReleases, folder: Path) -> None:
    """Before both sides' folders are gone."""
    for side, name in zip(stack.sides, ("old", "new"), strict=True):
        with suppress(OSError):
            shutil.copytree(side.at.directory / "logs", folder / f"logs-{name}", dirs_exist_ok=True)


def say(began: float, line: str) -> None:
    print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="name", default=releases.previous(), help="commit or tag of the old release")
    parser.add_argument("--seconds", type=float, default=30.0, help="that each step lasts at least")
    parser.add_argument("--load", type=float, default=4.0, help="of the days that are replayed; 1 is an ordinary one")
    parser.add_argument("--workers", type=int, default=10, help="callers beside the replay")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where report and journal go")
    parser.add_argument("--no-way-back", action="store_true", help="leave out the change of mind in the middle")
    given = parser.parse_args()
    for server in ("AMQP_URL", "DATABASE_URL"):
        os.environ.pop(server, None)
    try:
        report = run(
            given.name, given.folder, seconds=given.seconds, load=given.load, workers=given.workers,
            back=not given.no_way_back,
        )  # fmt: skip
    except releases.NotInThisClone as missing:
        print(missing, file=sys.stderr)
        return NOT_IN_THIS_CLONE
    print(json.dumps(report, ensure_ascii=False, indent=1))
    return 1 if report["found"] else 0


if __name__ == "__main__":
    sys.exit(main())
