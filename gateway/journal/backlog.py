"""What was taken and waits for delivery, oldest first, and what became of what was delivered lately."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from gateway.journal.journal import Entry
from gateway.together import Answer

REMEMBERED = 10_000


@dataclass(eq=False, slots=True)
class Taken:
    """An entry of this process. `answered` gets what dispatch said when it is delivered."""

    entry: Entry
    queued: bool = False
    answered: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def __lt__(self, other: Taken) -> bool:
        return self.entry.record.sequence < other.entry.record.sequence


class Backlog:
    """A queue in the order taken, whatever order things come in. One delivery at a time takes from it."""

    def __init__(self) -> None:
        self.more = asyncio.Event()
        """Set while there is something to take."""
        self._queue: list[Taken] = []
        self._under_way: list[Taken] = []
        self._aside: set[Taken] = set()
        self._of_owner: Counter[str] = Counter()
        self._last: dict[str, Taken] = {}

    def __len__(self) -> int:
        return len(self._queue) + len(self._under_way) + len(self._aside)

    @property
    def in_line(self) -> bool:
        """True while something waits behind which others have to queue."""
        return bool(self._queue or self._under_way)

    @property
    def oldest_seconds(self) -> float:
        """How long the oldest has waited; 0 when nothing waits."""
        return max([self.line_seconds, *(_seconds_since(taken) for taken in self._aside)])

    @property
    def line_seconds(self) -> float:
        """The same of what is in line: one that is set aside says nothing of whether dispatch is there."""
        return max([0.0, *(_seconds_since(queue[0]) for queue in (self._queue, self._under_way) if queue)])

    def add(self, taken: Taken) -> None:
        """Queue it at its place."""
        taken.queued = True
        owner = taken.entry.owner
        self._of_owner[owner] += 1
        if owner not in self._last or self._last[owner] < taken:
            self._last[owner] = taken
        heapq.heappush(self._queue, taken)
        self.more.set()

    def next_batch(self, most: int) -> list[Taken]:
        """The oldest that wait, in order; they count as waiting until `done` or `put_back`."""
        batch = [heapq.heappop(self._queue) for _ in range(min(most, len(self._queue)))]
        self._under_way = list(batch)
        if not self._queue:
            self.more.clear()
        return batch

    def put_back(self, taken: Taken) -> None:
        """It could not be delivered and keeps its place."""
        self._under_way.remove(taken)
        heapq.heappush(self._queue, taken)
        self.more.set()

    def set_aside(self, taken: Taken) -> None:
        """It cannot be delivered as it is, and others need not wait for it."""
        self._under_way.remove(taken)
        self._aside.add(taken)
        self._leave_line(taken)

    def take_up(self, taken: Taken) -> None:
        """Try it again, before what was taken later."""
        self._aside.discard(taken)
        self.add(taken)

    def done(self, taken: Taken) -> None:
        """It was delivered."""
        self._under_way.remove(taken)
        taken.queued = False
        self._leave_line(taken)

    def _leave_line(self, taken: Taken) -> None:
        owner = taken.entry.owner
        self._of_owner[owner] -= 1
        if not self._of_owner[owner]:
            del self._of_owner[owner], self._last[owner]

    async def clear(self, owner: str, seconds: float) -> bool:
        """Wait until nothing of this caller waits; False when something still does after `seconds`."""
        give_up = time.monotonic() + seconds
        while (last := self._last.get(owner)) is not None:
            left = give_up - time.monotonic()
            if left <= 0 or not (await asyncio.wait({last.answered}, timeout=left))[0]:
                return False
            # Its answer may be there a moment before it is counted as done.
            await asyncio.sleep(0)
        return True


def _seconds_since(taken: Taken) -> float:
    return time.time() - taken.entry.taken_us / 1e6


class Outcomes:
    """Answers to what was delivered lately by this process; the rest is dispatch's memory."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, str], Answer] = OrderedDict()

    def add(self, owner: str, key: str, answer: Answer) -> None:
        """Remember, and forget the oldest of more than ten thousand. Views of incidents are not kept."""
        result = answer.get("result")
        if result is not None:
            result = {name: value for name, value in result.items() if name not in ("incident", "team")}
        self._answers[owner, key] = {**answer, "result": result}
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)

    def find(self, owner: str, key: str) -> Answer | None:
        """What was answered, None when that is not known here."""
        return self._answers.get((owner, key))
