"""Play a plan: everything at once, or each step when its time has come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from cli.api import ApiError, get
from cli.replay.calls import read_calls
from cli.replay.feed import Feed, Tally
from cli.replay.plan import Plan, Step, Timeline, file_id, make_plan
from cli.replay.progress import progress
from cli.replay.report import draw, figures

TICK_SECONDS = 0.1


@dataclass(slots=True)
class Result:
    """What a replay did and what the county's report says of it."""

    plan: Plan
    tally: Tally
    figures: dict[str, Any]
    states: dict[str, int]
    seconds: float
    unsent: int

    def notes(self) -> Iterator[str]:
        """What a person should know beside the figures."""
        tally = self.tally
        lines = tally.accepted + len(tally.refused)
        yield (
            f"{lines} 条 lines in {self.seconds:.1f} s: {tally.accepted} 接受 accepted, "
            f"{len(tally.refused)} 拒绝 refused, {tally.replayed} 已知 known before, {tally.retried} 重试 retries"
        )
        if self.unsent:
            yield f"{self.unsent} 条未到时间 lines were not due yet when the replay ended"
        for line, problem in tally.refused[:20]:
            yield f"  拒绝 refused {line['key']}: {problem['code']} {problem.get('detail', '')}"
        for number, reason in [*self.plan.left_open.items(), *self.plan.unsaid.items()] if not self.unsent else ():
            yield f"  未结 left open {number}: {reason}"
        yield "状态 states: " + ", ".join(f"{state} {count}" for state, count in sorted(self.states.items()))

    def drawing(self) -> list[str]:
        """The report as text."""
        return draw(self.figures)


class Playback:
    """One replay of one file into one stack."""

    def __init__(
        self, client: httpx.Client, file: Path, zone: ZoneInfo, *, speed: float | None, start: datetime
    ) -> None:
        calls = read_calls(file)
        if not calls:
            raise ApiError(f"{file}: there is no call in it")
        self._client, self._live = client, speed is not None
        self._sent: Sequence[Step] = ()
        fleet = file_id(file)
        system = f"calls-{fleet}" if speed is None else f"calls-{fleet}-{start:%y%m%d%H%M%S}"
        start += timedelta(seconds=3)
        timeline = Timeline(min(call.received for call in calls), zone, speed=speed, start=start)
        self.plan = make_plan(calls, timeline, system=system, fleet=fleet, centre_code=county_centre(client))

    def run(self, go_on: Callable[[], bool] = lambda: True, *, quiet: bool = False) -> Result:
        """Play; a live play ends early when `go_on` says so. Raises FeedBrokenError when the stack stays away."""
        begun = time.monotonic()
        lines = [step.line for step in self.plan.steps]
        with progress(len(self.plan.teams) + len(lines), quiet=quiet) as advance:
            feed = Feed(self._client, advance)
            feed.send(self.plan.teams)
            if self._live:
                sent = self._play_live(feed, self.plan.steps, go_on)
            else:
                feed.send(lines)
                sent = len(lines)
            self._sent = self.plan.steps[:sent]
        taken = time.monotonic() - begun
        report = get(self._client, "/v1/sla/report", by="total", reference_system=self.plan.system)
        return Result(self.plan, feed.tally, figures(report), self._states(report), taken, len(lines) - sent)

    def _play_live(self, feed: Feed, steps: Sequence[Step], go_on: Callable[[], bool]) -> int:
        """Send each step once it has happened; returns how many were sent."""
        sent = 0
        while sent < len(steps) and go_on():
            now = datetime.now(UTC)
            due = sent
            while due < len(steps) and steps[due].due <= now:
                due += 1
            if due > sent:
                feed.send([step.line for step in steps[sent:due]])
                sent = due
            else:
                time.sleep(TICK_SECONDS)
        return sent

    def cancel_rest(self, reason: str) -> int:
        """Cancel what this play began and did not close, so that it wakes nobody afterwards; returns how many."""
        begun = {step.reference: step for step in self._sent if step.line["command"] == "incident.create"}
        for step in self._sent:
            if step.line["command"] == "incident.close":
                begun.pop(step.reference, None)
        lines = [
            {
                "command": "incident.cancel",
                "key": f"{reference}:incident.cancel",
                "incident": reference,
                "data": {"reason": reason},
            }
            for reference in begun
        ]
        Feed(self._client, lambda _: None).send(lines)
        return len(lines)

    def _states(self, report: dict[str, Any]) -> dict[str, int]:
        groups = report["groups"]
        return dict(groups[0].get("states") or {}) if groups else {}


def county_centre(client: httpx.Client) -> str:
    """The code of the county's own centre. Raises ApiError when no county was imported."""
    centres = get(client, "/v1/centres").get("centres", [])
    for centre in centres:
        if centre["kind"] == "county":
            return str(centre["code"])
    raise ApiError("this stack has no county yet: run `wangge county make OUT --demo` and `wangge county import OUT`")


def until(seconds: float | None) -> Callable[[], bool]:
    """A `go_on` that holds for `seconds` from now, for ever when None."""
    end = None if seconds is None else time.monotonic() + seconds
    return lambda: end is None or time.monotonic() < end
