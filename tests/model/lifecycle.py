"""One seeded lifecycle: messages in any order, a deadline clock that errs, replicas that die; then the reckoning."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from random import Random

from services.dispatch.application.ports import Fired
from tests.model.actors import SECOND, Actors
from tests.model.alongside import Alongside, Violation
from tests.model.county_model import Ask
from tests.model.promises import hold_promises

KILLS = ("killed_between_steps", "killed_before_commit", "database_away", "answer_lost")
MOST_STEPS = 600


class Lifecycle:
    """The life of one incident, and of those that turn out to be the same one; `faults` counts what befell it."""

    def __init__(self, seed: int, *, verbose: bool = False) -> None:
        self.seed, self.verbose = seed, verbose
        self.random = Random(seed)  # noqa: S311 it must be repeatable, not unguessable
        # Of its own, so that a replica that wakes up late changes nothing else in the life of a seed.
        self._sleepers = Random(~seed)  # noqa: S311
        self._claimed: list[Fired] = []
        self.both = Alongside()
        self.actors = Actors(self.random)
        self.faults: Counter[str] = Counter()
        self.now = 0
        self._heap: list[tuple[int, int, Ask]] = []
        self._order = 0
        self._watched: int | None = None
        self._tick = 0
        self._reloads = self.random.random() < 0.05
        self._latest_sent = 0

    def run(self) -> Counter[str]:
        """Live it to the end. Raises Violation, or whatever the product raised that it should not have."""
        for number in range(1, self.actors.incidents + 1):
            for at, ask in self.actors.opening(number):
                self.say(at, ask)
        for at, ask in self.actors.merging():
            self.say(at, ask)
        for at, ask in self.actors.about_teams():
            self.say(at, ask)
        for _ in range(MOST_STEPS):
            if not self._step():
                break
        else:
            raise Violation("endless", f"still busy after {MOST_STEPS} steps")
        self.both.compare_all(self.now)
        hold_promises(self.both, self.now)
        return self.faults

    def say(self, at: int, ask: Ask) -> None:
        """Send a message through a network that delays, reorders and duplicates; late phones tell when it happened."""
        random = self.random
        chance = random.random()
        delay = random.randrange(3) * SECOND // 2
        if chance < 0.12:
            delay, kind = random.randrange(5, 60) * SECOND, "delayed"
        elif chance < 0.18:
            delay, kind = random.randrange(60, 2000) * SECOND, "phone offline"
        else:
            kind = "on time"
        self.faults[kind] += 1
        if random.random() < 0.03 and ask.at is not None:
            ask = Ask(
                ask.name, ask.key, ask.number, ask.at + random.randrange(-3, 9) * SECOND, ask.seq, ask.team, ask.more
            )
            self.faults["clock of the source wrong"] += 1
        self._deliver(max(at + delay, self.now), ask)
        if random.random() < 0.08:
            self.faults["duplicated"] += 1
            self._deliver(max(at, self.now) + random.randrange(0, 400) * SECOND, ask)
        if random.random() < 0.01:
            self.faults["key used twice"] += 1
            self._deliver(max(at, self.now) + SECOND, Ask("incident.note", ask.key, ask.number, None))

    def _deliver(self, at: int, ask: Ask) -> None:
        self._order += 1
        heappush(self._heap, (at, self._order, ask))

    def _step(self) -> bool:
        """The next thing that happens: a delivery, or the clock; False when nothing is left."""
        due = self.both.next_due()
        if due is not None and due != self._watched:
            self._watched, self._tick = due, due + self._lateness()
        if due is not None and (not self._heap or self._tick <= self._heap[0][0]):
            self._fire(max(self._tick, self.now))
        elif self._heap:
            self._take_delivery()
        else:
            return False
        if self._reloads:
            self.both.memory.reload()
            self.faults["read back from rows"] += 1
        self._wake_a_sleeper()
        self._answer_offers()
        return True

    def _wake_a_sleeper(self) -> None:
        """A replica that was frozen in the middle of a claim goes on, long after others have done its work."""
        if self._claimed and self._sleepers.random() < 0.05:
            self.faults["stale deadline fired"] += 1
            self.both.fire([self._sleepers.choice(self._claimed)], self.now)

    def _lateness(self) -> int:
        chance = self.random.random()
        if chance < 0.8:
            return self.random.randrange(20)
        self.faults["clock late"] += 1
        return self.random.randrange(2_000) if chance < 0.93 else self.random.randrange(2, 400) * SECOND

    def _fire(self, at: int) -> None:
        random = self.random
        if random.random() < 0.04:
            # A command holds the incident: the claim skips it and asks again.
            self.faults["deadline skipped while locked"] += 1
            self._tick = at + 20
            return
        self.now, self._watched = at, None
        rows = self.both.due(at)
        if len(rows) > 1 and random.random() < 0.1:
            self.faults["only some due deadlines claimed"] += 1
            rows = rows[: random.randrange(1, len(rows))]
        fault = random.choice(KILLS) if random.random() < 0.03 else None
        self._narrate(f"clock: {[(row.kind, row.generation) for row in rows]} {fault or ''}")
        if fault is not None:
            self.faults[f"clock {fault}".replace("_", " ")] += 1
        self._claimed += rows
        by_two = fault is None and random.random() < 0.03
        if by_two:
            self.faults["clock claimed by two"] += 1
        self.both.fire(rows, at, fault, by_two=by_two)
        if random.random() < 0.05:
            self.faults["clock fired twice"] += 1
            self.both.fire(rows, at)

    def _take_delivery(self) -> None:
        random = self.random
        at, order, ask = heappop(self._heap)
        asks = [ask]
        if random.random() < 0.2:
            while self._heap and self._heap[0][0] <= at + 2 * SECOND and len(asks) < 6:
                at, order, ask = heappop(self._heap)
                asks.append(ask)
        if order < self._latest_sent:
            self.faults["reordered"] += 1
        self._latest_sent = max(order, self._latest_sent)
        self.now = max(self.now, at)
        self.faults["commands"] += len(asks)
        chance = random.random()
        fault = random.choice(KILLS) if chance < 0.03 else None
        self._narrate(f"{asks} {fault or ''}")
        if fault is not None:
            self.faults[fault.replace("_", " ")] += 1
            if not self.both.ask(asks, self.now, fault):
                for each in asks:
                    self._deliver(self.now + random.randrange(1, 10) * SECOND, each)
        elif chance < 0.05 and len(asks) == 1:
            self.faults["twin at the same key"] += 1
            self.both.ask_with_a_twin(ask, self.now)
        else:
            self.both.ask(asks, self.now)

    def _answer_offers(self) -> None:
        for number, seq, team in self.both.offered:
            self.faults["offers"] += 1
            for at, ask in self.actors.answering(number, seq, team, self.now):
                self.say(at, ask)
        self.both.offered.clear()

    def _narrate(self, line: str) -> None:
        if self.verbose:
            print(f"{self.now / 1000:>12.3f}  {line}")
