"""Group commit: what waits while others are at work is done together, by one of those who wait.

Alone, a call is run at once and by itself. Under load a turn takes everything that has come meanwhile, so that a
hundred callers pay for one transaction and one commit instead of a hundred; nobody waits for a timer. Works with
threads and, monkey-patched, with greenlets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Generic, TypeVar

from chassis import metrics

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class _Waiting(Generic[Item, Answer]):
    """One caller: what it asks, the turn that it has to lead (if any), and what became of it."""

    __slots__ = ("answer", "error", "item", "turn", "weight", "woken")

    def __init__(self, item: Item, weight: int) -> None:
        self.item = item
        self.weight = weight
        self.woken = Event()
        self.turn: list[_Waiting[Item, Answer]] = []
        self.answer: Answer | None = None
        self.error: BaseException | None = None


class Joiner(Generic[Item, Answer]):
    """``run`` answers a list of items, one answer each in order; at most ``at_once`` runs go on at a time.

    ``weigh`` says how much of ``most`` an item takes; one that is heavier than ``most`` runs alone.
    """

    def __init__(
        self, run: Callable[[list[Item]], Sequence[Answer]], *, weigh: Callable[[Item], int], most: int, at_once: int
    ) -> None:
        self._run = run
        self._weigh = weigh
        self._most = most
        self._free = at_once
        self._lock = Lock()
        self._queue: deque[_Waiting[Item, Answer]] = deque()

    def __call__(self, item: Item) -> Answer:
        """The answer to ``item``. Raises what ``run`` raised: the same for all that were joined in that run."""
        mine: _Waiting[Item, Answer] = _Waiting(item, self._weigh(item))
        with self._lock:
            self._queue.append(mine)
            if self._free:
                # The queue was empty: whoever frees a place hands it to the first that waits.
                self._free -= 1
                self._next_turn()
        try:
            if not mine.turn:
                mine.woken.wait()
        except BaseException:
            self._leave(mine)
            raise
        if mine.turn:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        return mine.answer  # type: ignore[return-value]  # answered, and not with an error

    def _next_turn(self) -> None:
        """With the lock held: the first that waits leads a turn of all that fits; nobody there frees the place."""
        turn: list[_Waiting[Item, Answer]] = []
        left = self._most
        while self._queue and (not turn or self._queue[0].weight <= left):
            left -= self._queue[0].weight
            turn.append(self._queue.popleft())
        if turn:
            turn[0].turn = turn
            turn[0].woken.set()
        else:
            self._free += 1

    def _lead(self, mine: _Waiting[Item, Answer]) -> None:
        turn, mine.turn = mine.turn, []  # who leads is of the turn: a circle, which would wait for the collector
        metrics.JOINED_CALLS.observe(len(turn))
        try:
            for each, answer in zip(turn, self._run([each.item for each in turn]), strict=True):
                each.answer = answer
        except Exception as error:  # noqa: BLE001 (told to everybody whose turn it was)
            for each in turn:
                each.error = error
        except BaseException:
            # This caller is being ended; the others are not to blame and wait for the next turn.
            self._put_back(turn[1:])
            turn = turn[:1]
            raise
        finally:
            with self._lock:
                self._next_turn()
            for each in turn[1:]:
                each.woken.set()

    def _leave(self, mine: _Waiting[Item, Answer]) -> None:
        """A caller that is ended while it waits takes nobody with it, not even when it was just chosen to lead."""
        with self._lock:
            if mine in self._queue:
                self._queue.remove(mine)
                return
        if mine.turn:
            self._put_back(mine.turn[1:])
            with self._lock:
                self._next_turn()

    def _put_back(self, waiting: Sequence[_Waiting[Item, Answer]]) -> None:
        with self._lock:
            self._queue.extendleft(reversed(waiting))
