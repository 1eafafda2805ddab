"""The steps of a rolling upgrade under load: there, back again in the middle, and there for good.

Each step ends when the releases that are to work have done so: what is counted is said by their own metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cli.stack.supervisor import DRAIN_SECONDS
from tests.chaos.messages import Partner
from tests.support.eventually import eventually
from tests.upgrade.side import Side
from tests.upgrade.stack import TwoReleases

Say = Callable[[str], None]
ENOUGH = {"registry": 1.0, "dispatch": 30.0, "gateway": 30.0}
"""Calls that each release must have answered in a step before the next one begins."""
STEP_SECONDS = 180.0


@dataclass
class Steps:
    """`seconds`: how long each step lasts at least."""

    stack: TwoReleases
    partner: Partner
    seconds: float
    say: Say
    table: list[dict[str, Any]] = field(default_factory=list)
    found: list[str] = field(default_factory=list)

    def all(self, *, back: bool) -> None:
        """A rolling upgrade; with `back` there is a change of mind in the middle of it."""
        old, new = self.stack.sides
        self.step("old release alone", old)
        with self.timed("new schema, old release at work"):
            new.migrate()
            self.stack.grow()
        self.step("old release on the new schema", old)
        self.join(new)
        self.step("both, side by side", old, new)
        if back:
            self.leave(new, left=old)
            self.step("back again: old release on the new schema", old)
            self.join(new)
            self.step("both, side by side once more", old, new)
        self.leave(old, left=new)
        self.step("new release alone", new)

    def join(self, side: Side) -> None:
        """Services, sidecars and gateway start beside the others, then callers come to its gateway too."""
        with self.timed(f"start of {side.release}"):
            side.up()
        # Whoever is connected begins anew, so that both gateways have callers at once.
        self.stack.open_to(*self.stack.sides, cut=True)

    def leave(self, side: Side, *, left: Side) -> None:
        """Callers go to the other's gateway, what this one has taken is delivered, then its parts drain."""
        with self.timed(f"drain of {side.release}"):
            self.stack.open_to(left)
            eventually(lambda: side.waiting_calls() == 0, within=60, every=0.2)
            self.found += [f"{part} was started again" for part in side.restarts()]
            began = time.monotonic()
            side.down()
            if (took := time.monotonic() - began) > DRAIN_SECONDS:
                self.found.append(f"{side.release} took {took:.1f} s to end: a part was killed")
            self.found += side.drained_badly()

    def step(self, name: str, *sides: Side) -> None:
        """Go on for a while, and until every release that is up has done enough."""
        began, before = time.monotonic(), {side.release.commit: side.done() for side in sides}

        def grown() -> dict[str, dict[str, float]]:
            return {
                side.release.commit: {
                    what: count - before[side.release.commit][what] for what, count in side.done().items()
                }
                for side in sides
            }

        self.partner.commands()
        self.partner.again()
        time.sleep(self.seconds)
        self.found += self.stack.look_around()
        if self.stack.new in sides:
            self.found += self.stack.ask_for_what_is_new()
        eventually(
            lambda: all(done[what] >= least for done in grown().values() for what, least in ENOUGH.items()),
            within=STEP_SECONDS, every=0.5,
        )  # fmt: skip
        took = time.monotonic() - began
        self.table += [
            {"step": name, "seconds": round(took, 1), "release": commit[:13]} | {w: int(n) for w, n in done.items()}
            for commit, done in grown().items()
        ]
        self.say(f"{name}: {took:.1f} s, " + "; ".join(f"{c[:13]} {d}" for c, d in grown().items()))

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self.table.append({"step": name, "seconds": round(took, 1)})
        self.say(f"{name}: {took:.1f} s")
