"""One thing the supervisor keeps running: started when what it needs is there, restarted, asked if it is ready."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cli.stack import process
from cli.stack.packages import StackError
from cli.stack.process import Identity
from cli.stack.state import PartState

EX_CONFIG = 78  # sysexits.h: the settings are wrong; starting again would only say so again
FIRST_BACK_OFF, LONGEST_BACK_OFF = 0.5, 30.0  # seconds
STEADY_AFTER = 60.0  # seconds of life after which a crash counts as the first again
ASK_WHILE_STARTING, ASK_WHEN_READY = 0.1, 2.0  # seconds between two questions
BROKEN_SECONDS = 5.0  # of saying that it is broken, without a break, after which it is ended and started again


@dataclass
class Watched:
    """`start` begins it, `is_ready` asks it, `adopt` finds one that runs already (servers outlive a supervisor).

    `is_broken`: it answers, but will be of no use until it is started anew.
    """

    state: PartState
    start: Callable[[], Identity]
    is_ready: Callable[[], bool]
    needs: tuple[str, ...] = ()
    adopt: Callable[[], Identity | None] = lambda: None
    is_broken: Callable[[], bool] = lambda: False
    broken_since: float | None = None
    crashes: int = 0
    ask_at: float = 0.0
    start_at: float = 0.0
    clock: Callable[[], float] = field(default=time.monotonic)

    @property
    def name(self) -> str:
        return self.state.name

    def step(self, available: set[str]) -> bool:
        """Do what is due now. `available` names what others may build on. True when the state changed."""
        before = (self.state.state, self.state.identity)
        match self.state.state:
            case "waiting" if available.issuperset(self.needs):
                self._begin(adopted=self.adopt())
            case "backing_off" if self.clock() >= self.start_at:
                self._begin()
            case "starting" | "ready" | "unready":
                self._look()
        return before != (self.state.state, self.state.identity)

    def try_again(self) -> None:
        """Forget why it does not run: somebody has perhaps mended the settings."""
        if self.state.state in {"misconfigured", "backing_off"}:
            self.crashes, self.start_at, self.state.state = 0, 0.0, "backing_off"

    def _begin(self, *, adopted: Identity | None = None) -> None:
        try:
            self.state.identity = adopted or self.start()
        except (StackError, OSError) as refusal:
            self.state.last_exit = str(refusal)
            self._back_off()
            return
        self.state.since = process.started_at(self.state.identity.pid) or time.time()
        self.state.state = "starting"
        self.ask_at = 0.0

    def _look(self) -> None:
        identity = self.state.identity
        if identity is None or not identity.alive():
            # Without its exit status, wrong settings (78) would look like a crash.
            if identity is None or not process.is_dying(identity.pid):
                self._ended(None if identity is None else process.reap(identity.pid))
        elif self.state.kind != "task" and self.clock() >= self.ask_at:
            ready = self.is_ready() and not self._broken(identity)
            if ready or self.state.state != "starting":
                self.state.state = "ready" if ready else "unready"
            self.ask_at = self.clock() + (ASK_WHEN_READY if ready else ASK_WHILE_STARTING)

    def _broken(self, identity: Identity) -> bool:
        """Whether it is of no use; ended when that has lasted, so that the next look starts it anew."""
        if not self.is_broken():
            self.broken_since = None
            return False
        if self.broken_since is None:
            self.broken_since = self.clock()
        elif self.clock() - self.broken_since > BROKEN_SECONDS:
            self.broken_since = None
            # Not asked to end: what cannot write may not be able to end in order either.
            process.send(identity, signal.SIGKILL)
        return True

    def _ended(self, status: int | None) -> None:
        lived = time.time() - (self.state.since or 0)
        self.state.identity = None
        self.state.last_exit = describe(status)
        if self.state.kind == "task" and status == 0:
            self.state.state = "done"
        elif status == EX_CONFIG:
            self.state.state = "misconfigured"
        else:
            self.crashes = 0 if lived > STEADY_AFTER else self.crashes
            self._back_off()

    def _back_off(self) -> None:
        self.start_at = self.clock() + min(FIRST_BACK_OFF * 2**self.crashes, LONGEST_BACK_OFF)
        self.crashes += 1
        self.state.restarts += 1
        self.state.state = "backing_off"


def describe(status: int | None) -> str:
    """How a process ended, in words: an exit status, a signal's name, or not known (it was not our child)."""
    if status is None:
        return "ended"
    return f"exit {status}" if status >= 0 else signal.Signals(-status).name
