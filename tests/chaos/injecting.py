"""Doing faults to a stack, and looking whether each had its effect: a fault that did nothing proves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import psycopg2

from cli.stack.packages import StackError
from tests.chaos.faults import Fault
from tests.chaos.journal import Journal
from tests.chaos.messages import Partner
from tests.chaos.proxy import FaultProxy
from tests.chaos.stack import ChaosStack
from tests.support.eventually import eventually

BACK_SECONDS = 90.0
ALARMS = {
    # kind: rabbitmqctl's words, a limit that is passed already, the stack's own limit
    "memory-alarm": (("set_vm_memory_high_watermark", "absolute"), "1MB", "1GiB"),
    "disk-alarm": (("set_disk_free_limit",), "100000GB", "200MB"),
}
SHORT_OF_SPACE = {
    ("disk-full", "postgres"): b"No space left on device",
    ("disk-full", "broker"): b"disk resource limit alarm set",
    ("last-byte", "broker"): b"enospc",
}
"""What a server writes into its log when it meets this fault."""
LEFT_BYTES = {("disk-full", "broker"): 64 * 1024 * 1024}
"""Of a disk of the broker's own that its own messages fill: a third of where it stops taking any (200 MB free)."""
CRASH = b"was terminated by signal 9"


class Injector:
    """Every fault is mended when `inject` returns; restarting what died is the supervisor's work.

    Each way to do one returns how much it did: 0 is a fault that missed.
    """

    def __init__(self, stack: ChaosStack, journal: Journal, partner: Partner) -> None:
        self._stack = stack
        self._journal = journal
        self._waiting = Event()
        self._ways: dict[str, Callable[[Fault], int]] = {
            "kill": self._kill,
            "freeze": self._freeze,
            "kill-backend": self._kill_backend,
            "freeze-backend": self._freeze_backend,
            "reset": lambda fault: self._proxy(fault.target).reset_all(),
            "memory-alarm": self._alarm,
            "disk-alarm": self._alarm,
            "disk-full": self._fill_disk,
            "last-byte": self._fill_disk,
            "clock": self._step_clock,
            "judge-clock": self._step_judge,
            "poison": lambda _fault: partner.poison(),
            "commands": lambda _fault: partner.commands(),
            "again": lambda _fault: partner.again(),
            "roll": self._roll,
        }

    def inject(self, fault: Fault) -> None:
        """Do it, mend it, rest."""
        told = {"fault": fault.kind, "target": fault.target, "seconds": fault.seconds, "amount": fault.amount}
        self._journal.add("fault", **told, judge_ahead=self._stack.clocks.ahead("postgres"))
        effect = self._ways.get(fault.kind, self._network)(fault)
        self._journal.add("effect", **told, effect=effect)
        self._waiting.wait(fault.rest)
        self._stack.hurry()

    def _identity(self, part: str) -> Any:
        return eventually(lambda: self._stack.identity(part), within=BACK_SECONDS, every=0.1)

    def _kill(self, fault: Fault) -> int:
        """kill -9 of a live process; it must have been there to be killed."""
        identity = self._identity(fault.target)
        sent = self._stack.signal(fault.target, signal.SIGKILL)
        eventually(lambda: not identity.alive(), within=BACK_SECONDS)
        return int(sent)

    def _freeze(self, fault: Fault) -> int:
        return self._freeze_pid(self._identity(fault.target).pid, fault.seconds)

    def _freeze_pid(self, pid: int, seconds: float) -> int:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            try:
                self._waiting.wait(seconds)
                return int(is_stopped(pid))
            finally:
                os.kill(pid, signal.SIGCONT)
        return 0

    def _backend(self, database: str, application: str | None = None) -> int | None:
        """Process id of one of the database's sessions of that application."""
        try:
            rows = self._stack.query(
                database, "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name LIKE %s"
                " AND pid <> pg_backend_pid() ORDER BY query_start DESC LIMIT 1", database, application or "%",
            )  # fmt: skip
        except psycopg2.Error:
            return None
        return rows[0][0] if rows else None

    def _kill_backend(self, fault: Fault) -> int:
        """kill -9 of one session: PostgreSQL takes its memory for spoilt, ends all sessions and recovers."""
        pid = eventually(lambda: self._backend(fault.target), within=BACK_SECONDS, every=0.2)
        log = LogTail(self._stack.at.log("postgres"))
        os.kill(pid, signal.SIGKILL)
        return eventually(lambda: log.count(CRASH), within=BACK_SECONDS, every=0.1)

    def _freeze_backend(self, fault: Fault) -> int:
        pid = eventually(lambda: self._backend("dispatch", fault.target), within=BACK_SECONDS, every=0.2)
        return self._freeze_pid(pid, fault.seconds)

    def _proxy(self, name: str) -> FaultProxy:
        """With somebody connected through it: after the fault before this one there may be nobody yet."""
        proxy = self._stack.proxies[name]
        eventually(lambda: proxy.pairs, within=BACK_SECONDS, every=0.1)
        return proxy

    def _network(self, fault: Fault) -> int:
        proxy = self._proxy(fault.target)
        before = proxy.done[fault.kind]
        proxy.set(fault.kind)
        try:
            self._waiting.wait(fault.seconds)
        finally:
            proxy.set("pass")
        return proxy.done[fault.kind] - before

    def _alarm(self, fault: Fault) -> int:
        """The broker finds itself short of memory or disk and takes no messages from anybody."""
        setting, short, ordinary = ALARMS[fault.kind]
        broker = self._stack.plan.broker
        assert broker is not None
        eventually(broker.answers, within=BACK_SECONDS, every=0.2)
        try:
            self._control(*setting, short)
        except AssertionError:
            return 0  # the node does not hear its own tool: told in the report as a fault that nobody felt
        try:
            self._waiting.wait(fault.seconds)
            return self._control("eval", "rabbit_alarm:get_alarms().").count("resource_limit")
        finally:
            self._control(*setting, ordinary)

    def _control(self, *words: str) -> str:
        """rabbitmqctl, again while it fails: on a busy machine it may take too long or meet a node that just boots."""
        broker = self._stack.plan.broker
        assert broker is not None
        said: list[str] = []

        def done() -> bool:
            with suppress(StackError, subprocess.TimeoutExpired):
                said.append(broker.control(*words))
            return bool(said)

        eventually(done, within=BACK_SECONDS, every=0.5)
        return said[-1]

    def _fill_disk(self, fault: Fault) -> int:
        """What `LEFT_BYTES` says is free, or not one byte; the ballast takes again what is given back meanwhile."""
        disk, log = self._stack.disks[fault.target], LogTail(self._stack.at.log(fault.target))
        which = (fault.kind, fault.target)
        self._identity(fault.target)
        try:
            for second in range(max(1, round(fault.seconds))):
                disk.fill(LEFT_BYTES.get(which, 0))
                if fault.target == "postgres" and second >= fault.seconds / 2:
                    self._use_up_wal()
                self._waiting.wait(1.0)
        finally:
            disk.free()
        return log.count(SHORT_OF_SPACE[which])

    def _use_up_wal(self) -> None:
        """Segments that PostgreSQL has in stock would carry it through; the next one that it must make is a PANIC."""
        plan = self._stack.plan
        with suppress(psycopg2.Error):
            connection = psycopg2.connect(plan.database_admin_url, connect_timeout=2)
            try:
                connection.autocommit = True
                for _ in range(3):
                    connection.cursor().execute("SELECT pg_switch_wal(), txid_current()")
            finally:
                connection.close()

    def _step_clock(self, fault: Fault) -> int:
        """One process is so much off for a while, then right again: two jumps."""
        clocks = self._stack.clocks
        before = clocks.asked(fault.target)
        clocks.step(fault.target, fault.amount)
        try:
            self._waiting.wait(fault.seconds)
        finally:
            clocks.step(fault.target, -fault.amount)
        return clocks.asked(fault.target) - before

    def _step_judge(self, fault: Fault) -> int:
        """The database's clock is stepped and stays so: what it recorded stands, and nobody gives it its time back."""
        clocks = self._stack.clocks
        before = clocks.asked("postgres")
        clocks.step("postgres", fault.amount)
        self._waiting.wait(fault.seconds)
        return clocks.asked("postgres") - before

    def _roll(self, fault: Fault) -> int:
        """SIGTERM one replica, wait until it is back, then the other: what a new version does."""
        for part in (fault.target, f"{fault.target}-b"):
            before = self._identity(part)
            self._stack.signal(part, signal.SIGTERM)
            eventually(lambda part=part, before=before: self._renewed(part, before), within=BACK_SECONDS, every=0.2)
        return 2

    def _renewed(self, part: str, before: object) -> bool:
        return self._stack.identity(part) not in (None, before) and part not in self._stack.unready()


class LogTail:
    """What a log file gains from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._from = path.stat().st_size if path.exists() else 0

    def count(self, words: bytes) -> int:
        """How often these words have come since."""
        with self._path.open("rb") as file:
            file.seek(self._from)
            return file.read().count(words)


def is_stopped(pid: int) -> bool:
    """Whether the kernel says that the process stands still (proc(5), state T)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def left_out(stack: ChaosStack, why_no_disks: str) -> dict[str, str]:
    """Kinds of fault that this machine does not allow, and why."""
    reasons = {
        "disk-full": why_no_disks,
        "last-byte": why_no_disks,
        "clock": stack.clocks.why_not,
        "judge-clock": stack.clocks.why_not,
    }
    return {kind: reason for kind, reason in reasons.items() if reason}
