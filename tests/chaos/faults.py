"""The faults, drawn from a seed: the same seed gives the same faults in the same order against the same targets."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.chaos.dice import dice_of

T = TypeVar("T")

PARTS = ("dispatch", "dispatch-b", "dispatch-sidecar", "dispatch-sidecar-b", "registry", "registry-sidecar", "gateway")
SERVERS = ("broker", "postgres")
NETWORK = ("amqp", "db")
FREEZE_SECONDS = 8.0


@dataclass(frozen=True)
class Fault:
    """`kind` against `target` for `seconds`, then mended, then `rest` seconds of peace.

    `amount`: of a clock, the seconds it is stepped by.
    """

    kind: str
    target: str
    seconds: float
    rest: float
    amount: float = 0.0

    def __str__(self) -> str:
        step = f" {self.amount:+.1f} s" if self.amount else ""
        return f"{self.kind} {self.target}{step} for {self.seconds:.1f} s"


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
    "disk-full": (2, ("postgres", "broker"), 4, 10),
    "last-byte": (0, ("broker",), 4, 10),
    "clock": (3, (*PARTS, "broker"), 2, FREEZE_SECONDS),
    "judge-clock": (2, ("forward", "backward"), 1, 3),
    "poison": (2, ("queues",), 0, 0),
    "commands": (2, ("queues",), 0, 0),
    "again": (2, ("queues",), 0, 0),
    "roll": (1, ("dispatch", "dispatch-sidecar"), 0, 0),
}
NAMED_ONLY = ("last-byte",)
"""Done only when asked for by name: what a broker that stands alone does not survive (decision 0026)."""
STEPS = {
    # least and most seconds a clock is stepped by
    "clock": (1.0, 3600.0),
    "forward": (1.0, 30.0),
    # NTP steps a clock back by little; more than the tolerance of a stamp and honest reports would be refused.
    "backward": (0.2, 2.0),
}

SHORT = (
    ("kill", "dispatch"), ("commands", "queues"), ("kill", "dispatch-sidecar"), ("reset", "amqp"), ("kill", "gateway"),
    ("poison", "queues"), ("kill", "broker"), ("again", "queues"), ("reset", "db"), ("kill", "postgres"),
)  # fmt: skip
"""What the short run always does; the seed decides the order and the rests."""


def draw(seed: int, seconds: float, only: Sequence[str] = ()) -> list[Fault]:
    """As many faults as fit into about so many seconds: first one of each kind, then by weight.

    The targets of a kind take turns, so that a run of some length has met every one. `only`: of these kinds, also of
    those that are drawn only when named.
    """
    kinds = [kind for kind in KINDS if (kind in only if only else kind not in NAMED_ONLY)]
    dice = dice_of(seed, "faults")
    turns = {kind: endless(dice, targets) for kind, (_, targets, *_) in KINDS.items()}
    first = list(kinds)
    dice.shuffle(first)
    plan: list[Fault] = []
    left = seconds
    while left > 0:
        by_weight = dice.choices(kinds, [KINDS[kind][0] or 1 for kind in kinds])[0]
        kind = first.pop() if first else by_weight
        *_, least, most = KINDS[kind]
        target = next(turns[kind])
        fault = Fault(kind, target, dice.uniform(least, most), dice.uniform(1, 6), step_of(dice, kind, target))
        plan.append(fault)
        left -= fault.seconds + fault.rest
    return plan


def endless(dice: random.Random, targets: tuple[T, ...]) -> Iterator[T]:
    """All of them in a shuffled order, then all of them again in another."""
    while True:
        yield from dice.sample(targets, len(targets))


def step_of(dice: random.Random, kind: str, target: str) -> float:
    """By how much a clock is stepped; small steps are as likely as large ones."""
    if kind not in {"clock", "judge-clock"}:
        return 0.0
    least, most = STEPS[target if kind == "judge-clock" else kind]
    seconds = least * (most / least) ** dice.random()
    back = target == "backward" or (kind == "clock" and dice.random() < 0.5)
    return -seconds if back else seconds


def draw_short(seed: int) -> list[Fault]:
    """The faults of `SHORT` in an order of the seed's."""
    dice = dice_of(seed, "short")
    chosen = list(SHORT)
    dice.shuffle(chosen)
    return [Fault(kind, target, 0.0, dice.uniform(1, 3)) for kind, target in chosen]
