"""What a simulation found, and how far it came: added up over processes, written down, taken up again."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# What decides how a seed is lived; a report of other code is not gone on with.
_JUDGED = ("chassis", "contracts", "services/dispatch", "tests/model", "tests/unit/dispatch/fakes.py",
           "tests/unit/dispatch/builders.py")  # fmt: skip
MOST_KEPT = 1_000
MOST_SHOWN = 50
_COUNTED = ("lived", "faults", "commands", "facts", "violations_by_kind")


@dataclass(slots=True)
class Report:
    """Counts by kind, every violation (the first thousand in words) with its seed, and the seeds that are lived.

    `lived` counts lifecycles and incidents; `commands` is "name done", "name refused" and "name struck" (by a fault);
    `facts` counts what incidents told. `done` holds the first seeds of the portions that were lived to their end.
    """

    lived: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    violations_by_kind: Counter[str] = field(default_factory=Counter)
    violations: list[dict[str, Any]] = field(default_factory=list)
    done: set[int] = field(default_factory=set)
    seconds: float = 0.0

    @property
    def lifecycles(self) -> int:
        return self.lived["lifecycles"]

    @property
    def clean(self) -> bool:
        """Whether no promise was broken."""
        return not self.violations_by_kind

    def add(self, other: Report) -> None:
        """Take up what another process found."""
        for name in _COUNTED:
            getattr(self, name).update(getattr(other, name))
        self.violations = sorted(self.violations + other.violations, key=lambda each: each["seed"])[:MOST_KEPT]
        self.done |= other.done

    def broke(self, seed: int, kind: str, detail: str) -> None:
        """A lifecycle ended with a broken promise."""
        self.violations_by_kind[kind] += 1
        if len(self.violations) < MOST_KEPT:
            self.violations.append({"seed": seed, "kind": kind, "detail": detail})

    def to_json(self) -> dict[str, Any]:
        """The figures as they are written down."""
        figures: dict[str, Any] = {name: dict(getattr(self, name).most_common()) for name in _COUNTED}
        return {**figures, "seconds": round(self.seconds, 1), "violations": self.violations, "done": sorted(self.done)}

    @classmethod
    def of(cls, figures: dict[str, Any]) -> Report:
        """The reverse of `to_json`."""
        counted = {name: Counter(figures[name]) for name in _COUNTED}
        return cls(**counted, violations=figures["violations"], done=set(figures["done"]), seconds=figures["seconds"])


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be lived: `lifecycles` seeds from `first` on, in portions."""

    seed: int
    first: int
    lifecycles: int

    @property
    def last(self) -> int:
        return self.first + self.lifecycles - 1


def write(path: Path, order: Order, report: Report, *, ended: str) -> None:
    """Put the report down whole or not at all. `ended` is running, complete or interrupted."""
    figures = {
        "ended": ended, "at": datetime.now(UTC).isoformat(timespec="seconds"), **code(), "seed": order.seed,
        "seeds": [order.first, order.last], "wanted": order.lifecycles, "lifecycles": report.lifecycles,
        "incidents": report.lived["incidents"], **report.to_json(),
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)


def take_up(path: Path, order: Order) -> Report:
    """What an earlier run of the same order had found. Raises SystemExit when it was another order, or other code."""
    if not path.exists():
        raise SystemExit(f"nothing to resume: there is no {path}")
    figures = json.loads(path.read_text(encoding="utf-8"))
    same = {"seeds": [order.first, order.last], "code": code()["code"]}
    for name, value in same.items():
        if figures[name] != value:
            raise SystemExit(f"{path} is of other {name}: {figures[name]}, not {value}")
    return Report.of(figures)


@cache
def code() -> dict[str, str]:
    """Which code is judged: the commit, whether files differ from it, and a digest of those that decide.

    Of the files as they were at the first call: a run asks before it begins.
    """
    digest = hashlib.sha256()
    for place in _JUDGED:
        path = ROOT / place
        for each in sorted([path] if path.is_file() else [*path.rglob("*.py"), *path.rglob("*.json")]):
            digest.update(str(each.relative_to(ROOT)).encode() + b"\0" + each.read_bytes())
    git = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--dirty", "--match=-"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "unknown"
    return {"commit": commit, "code": digest.hexdigest()[:16], "python": platform.python_version()}


def tell(report: Report) -> None:
    """What was found, for a person."""
    lived = report.lived
    print(f"{lived['lifecycles']:,} lifecycles, {lived['incidents']:,} incidents, {report.seconds:,.0f} s")
    for kind, count in report.faults.most_common():
        print(f"  {count:>12,}  {kind}")
    print(f"{report.violations_by_kind.total()} violations {dict(report.violations_by_kind) or ''}")
    for violation in report.violations[:MOST_SHOWN]:
        print(f"  seed {violation['seed']}: {violation['kind']}: {violation['detail']}")
    if report.violations:
        print(f"replay: make simulate REPLAY={report.violations[0]['seed']}")
