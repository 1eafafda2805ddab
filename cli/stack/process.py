"""Processes the stack starts: who they are, whether they still live, how they end.

A process id alone is not an identity: the kernel gives it to somebody else once its owner is gone. Every process
is therefore remembered together with the tick at which the kernel started it; nothing is signalled on its id alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.02
LARGEST_LOG = 50_000_000  # bytes; a longer one becomes NAME.log.1 at the next start

# Children of this process that were not reaped yet; kept so that each is waited for exactly once.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Identity:
    """One process for good: its id and the clock tick (since boot) at which it started."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The identity of a live process, or None when no such process runs (a zombie does not run)."""
        ticks = started_ticks(pid)
        return None if ticks is None else cls(pid, ticks)

    def alive(self) -> bool:
        return started_ticks(self.pid) == self.started

    def as_json(self) -> dict[str, int]:
        return {"pid": self.pid, "started": self.started}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Identity | None:
        return None if not data else cls(int(data["pid"]), int(data["started"]))


def started_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat (proc(5)); None when the process is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name (field 2) may hold spaces and brackets: count from its closing bracket.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def started_at(pid: int) -> float | None:
    """Unix time at which a live process started, in seconds."""
    ticks = started_ticks(pid)
    if ticks is None:
        return None
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


def die_with_parent(expected_parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies; runs in the child between fork and exec.

    Without it a supervisor ended by `kill -9` would leave services running that nobody watches.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != expected_parent:  # the parent died between fork and prctl: the signal would never come
        os._exit(1)


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path,
    user: str | None = None,
    dies_with_parent: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, without standard input, its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.is_file() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))
    parent = os.getpid()
    account: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    with log.open("ab") as out:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            # Safe as long as whoever uses it has one thread, which the supervisor has.
            preexec_fn=(lambda: die_with_parent(parent)) if dies_with_parent else None,  # noqa: PLW1509
            **account,
        )
    _children[child.pid] = child
    return child


def started(child: subprocess.Popen[bytes]) -> Identity:
    """The identity of a child just started. One that has ended already gets a tick that matches no process."""
    return Identity.of(child.pid) or Identity(child.pid, -1)


def find(program: str, mark: str) -> Identity | None:
    """The live process whose executable is named `program` and whose environment holds `mark` (NAME=value)."""
    return next((i for i in marked(mark) if _program(i.pid) == program), None)


def marked(mark: str) -> Iterator[Identity]:
    """All live processes of ours that were started with `mark` (NAME=value) in their environment."""
    wanted = mark.encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # gone meanwhile, or somebody else's
            continue
        if wanted in environment and (identity := Identity.of(int(entry.name))):
            yield identity


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def stop(identity: Identity, *, within: float, first: signal.Signals = signal.SIGTERM) -> bool:
    """Ask a process to end and kill it after `within` seconds. True when it ended by itself."""
    if send(identity, first) and wait_gone(identity, within):
        return True
    if not identity.alive():
        return True
    send(identity, signal.SIGKILL)
    wait_gone(identity, 5)
    return False


def send(identity: Identity, what: signal.Signals) -> bool:
    """Signal a process if it is still the one we know. False when it is gone."""
    if not identity.alive():
        return False
    try:
        os.kill(identity.pid, what)
    except ProcessLookupError:
        return False
    return True


def wait_gone(identity: Identity, within: float) -> bool:
    """Wait until the process has ended (reaping it when it is our child); False when `within` seconds passed."""
    until = time.monotonic() + within
    # A child whose other threads are still ending has no exit status yet.
    while (alive := identity.alive()) or is_dying(identity.pid):
        if time.monotonic() > until:
            return not alive
        time.sleep(POLL_SECONDS)
    reap(identity.pid)
    return True


def is_dying(pid: int) -> bool:
    """Whether a child of ours has begun to end but has no exit status yet: its first thread is gone, others are not."""
    child = _children.get(pid)
    return child is not None and child.poll() is None


def reap(pid: int) -> int | None:
    """Exit status of an ended child of ours (negative: the signal that ended it); None when it runs or is not ours."""
    child = _children.get(pid)
    status = None if child is None else child.poll()
    if status is not None:
        del _children[pid]
    return status


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log file, for an error message."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return "(no log)"
