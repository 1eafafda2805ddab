"""The faults, drawn from a seed: the same seed gives the same faults in the same order against the same targets."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from tests.chaos.dice import dice_of
from tests.chaos.journal import Journal
from tests.chaos.messages import Partner
from tests.chaos.stack import ChaosStack
from tests.support.eventually import eventually

PARTS = ("dispatch", "dispatch-b", "dispatch-sidecar", "dispatch-sidecar-b", "registry", "registry-sidecar", "gateway")
SERVERS = ("broker", "postgres")
NETWORK = ("amqp", "db")
FREEZE_SECONDS = 8.0
BACK_SECONDS = 90.0
ALARMS = {
    # kind: rabbitmqctl's words, a limit that is passed already, the stack's own limit
    "memory-alarm": (("set_vm_memory_high_watermark", "absolute"), "1MB", "1GiB"),
    "disk-alarm": (("set_disk_free_limit",), "100TB", "200MB"),
}


@dataclass(frozen=True)
class Fault:
    """`kind` against `target` for `seconds`, then mended, then `rest` seconds of peace."""

    kind: str
    target: str
    seconds: float
    rest: float

    def __str__(self) -> str:
        return f"{self.kind} {self.target} {self.seconds:.1f} s"


KINDS: dict[str, tuple[int, tuple[str, ...], float, float]] = {
    # kind: weight, targets, shortest and longest duration
    "kill": (6, (*PARTS, *SERVERS), 0, 0),
    "freeze": (4, (*PARTS, "broker"), 1, FREEZE_SECONDS),
    "kill-backend": (1, ("dispatch", "registry"), 0, 0),
    "freeze-backend": (1, ("dispatch", "dispatch-sidecar"), 1, FREEZE_SECONDS),
    "reset": (3, NETWORK, 0, 0),
    "stall": (2, NETWORK, 1, FREEZE_SECONDS),
    "throttle": (2, NETWORK, 2, FREEZE_SECONDS),
    "half-open-to-server": (2, NETWORK, 1, FREEZE_SECONDS),
    "half-open-to-client": (2, NETWORK, 1, FREEZE_SECONDS),
    "refuse": (2, NETWORK, 1, FREEZE_SECONDS),
    "memory-alarm": (1, ("broker",), 2, 6),
    "disk-alarm": (1, ("broker",), 2, 6),
    "poison": (2, ("queues",), 0, 0),
    "commands": (2, ("queues",), 0, 0),
    "again": (2, ("queues",), 0, 0),
    "roll": (1, ("dispatch", "dispatch-sidecar"), 0, 0),
}

SHORT = (
    ("kill", "dispatch"), ("commands", "queues"), ("kill", "dispatch-sidecar"), ("reset", "amqp"), ("kill", "gateway"),
    ("poison", "queues"), ("kill", "broker"), ("again", "queues"), ("reset", "db"),
)  # fmt: skip
"""What the short run always does; the seed decides the order and the rests."""


def draw(seed: int, seconds: float) -> list[Fault]:
    """As many faults as fit into about so many seconds."""
    dice = dice_of(seed, "faults")
    plan: list[Fault] = []
    left = seconds
    while left > 0:
        kind = dice.choices(list(KINDS), [weight for weight, *_ in KINDS.values()])[0]
        _, targets, least, most = KINDS[kind]
        fault = Fault(kind, dice.choice(targets), dice.uniform(least, most), dice.uniform(1, 6))
        plan.append(fault)
        left -= fault.seconds + fault.rest
    return plan


def draw_short(seed: int) -> list[Fault]:
    """The faults of `SHORT` in an order of the seed's."""
    dice = dice_of(seed, "short")
    chosen = list(SHORT)
    dice.shuffle(chosen)
    return [Fault(kind, target, 0.0, dice.uniform(1, 3)) for kind, target in chosen]


class Injector:
    """Does faults to a stack. Every one is mended when `inject` returns; restarting is the supervisor's work."""

    def __init__(self, stack: ChaosStack, journal: Journal, partner: Partner) -> None:
        self._stack = stack
        self._journal = journal
        self._waiting = Event()
        self._special: dict[str, Callable[[Fault], None]] = {
            "kill": self._kill,
            "freeze": self._freeze,
            "kill-backend": self._kill_backend,
            "freeze-backend": self._freeze_backend,
            "reset": lambda fault: self._count(self._stack.proxies[fault.target].reset_all()),
            "memory-alarm": self._alarm,
            "disk-alarm": self._alarm,
            "poison": lambda _fault: partner.poison(),
            "commands": lambda _fault: partner.commands(),
            "again": lambda _fault: partner.again(),
            "roll": self._roll,
        }

    def inject(self, fault: Fault) -> None:
        """Do it, mend it, rest."""
        self._journal.add("fault", fault=fault.kind, target=fault.target, seconds=fault.seconds)
        self._special.get(fault.kind, self._network)(fault)
        self._waiting.wait(fault.rest)
        self._stack.hurry()

    def _kill(self, fault: Fault) -> None:
        """kill -9 of a live process; it must have been there to be killed."""
        eventually(lambda: self._stack.signal(fault.target, signal.SIGKILL), within=BACK_SECONDS, every=0.1)

    def _freeze(self, fault: Fault) -> None:
        identity = eventually(lambda: self._stack.identity(fault.target), within=BACK_SECONDS, every=0.1)
        self._freeze_pid(identity.pid, fault.seconds)

    def _freeze_pid(self, pid: int, seconds: float) -> None:
        import os
        from contextlib import suppress

        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            try:
                self._waiting.wait(seconds)
            finally:
                os.kill(pid, signal.SIGCONT)

    def _backend(self, database: str, application: str | None = None) -> int | None:
        """Process id of one of the database's sessions of that application."""
        import psycopg2

        try:
            rows = self._stack.query(
                database, "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name LIKE %s"
                " AND pid <> pg_backend_pid() ORDER BY query_start DESC LIMIT 1", database, application or "%",
            )  # fmt: skip
        except psycopg2.Error:
            return None
        return rows[0][0] if rows else None

    def _kill_backend(self, fault: Fault) -> None:
        """kill -9 of one session: PostgreSQL takes its memory for spoilt, ends all sessions and recovers."""
        import os

        pid = eventually(lambda: self._backend(fault.target), within=BACK_SECONDS, every=0.2)
        os.kill(pid, signal.SIGKILL)

    def _freeze_backend(self, fault: Fault) -> None:
        pid = eventually(lambda: self._backend("dispatch", fault.target), within=BACK_SECONDS, every=0.2)
        self._freeze_pid(pid, fault.seconds)

    def _network(self, fault: Fault) -> None:
        proxy = self._stack.proxies[fault.target]
        proxy.set(fault.kind)
        try:
            self._waiting.wait(fault.seconds)
        finally:
            proxy.set("pass")

    def _count(self, connections: int) -> None:
        self._journal.add("cut", connections=connections)

    def _alarm(self, fault: Fault) -> None:
        """The broker finds itself short of memory or disk and takes no messages from anybody."""
        setting, short, ordinary = ALARMS[fault.kind]
        broker = self._stack.plan.broker
        assert broker is not None
        eventually(broker.answers, within=BACK_SECONDS, every=0.2)
        broker.control(*setting, short)
        try:
            self._waiting.wait(fault.seconds)
        finally:
            broker.control(*setting, ordinary)

    def _roll(self, fault: Fault) -> None:
        """SIGTERM one replica, wait until it is back, then the other: what a new version does."""
        for part in (fault.target, f"{fault.target}-b"):
            before = eventually(lambda part=part: self._stack.identity(part), within=BACK_SECONDS, every=0.1)
            self._stack.signal(part, signal.SIGTERM)
            eventually(lambda part=part, before=before: self._renewed(part, before), within=BACK_SECONDS, every=0.2)

    def _renewed(self, part: str, before: object) -> bool:
        return self._stack.identity(part) not in (None, before) and part not in self._stack.unready()
