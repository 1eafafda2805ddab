"""Tells the books as they stand once more, for a consumer that was declared after the county's import."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

from services.registry.application.ports import Books, Repository, WithBooks

# Things in one transaction: imports wait for its lock, and their events for its rows.
BATCH = 500
Progress = Callable[[int, int], None]
_Kind = Callable[[Books], Repository[Any]]
# Grids first: a centre and a post name a grid that whoever follows the events then knows.
_KINDS: tuple[_Kind, ...] = (lambda books: books.grids, lambda books: books.centres, lambda books: books.posts)


def announce(with_books: WithBooks, progress: Progress) -> int:
    """Put the newest version of every node, centre and post into the outbox, the retired included; how many.

    The events carry the versions they always had, so a consumer that is up to date ignores them: announcing twice
    changes nothing. In transactions of ``BATCH``, after each of which ``progress`` is told (told so far, all). What
    changes meanwhile tells itself. Whoever stops halfway announces again from the start.
    """
    keys = with_books(lambda books: [_wide_before_narrow(kind(books).keys()) for kind in _KINDS])
    total = sum(map(len, keys))
    told = 0
    for kind, of_kind in zip(_KINDS, keys, strict=True):
        for batch in _batches(of_kind):
            told += with_books(partial(_tell, kind, batch))
            progress(told, total)
    return told


def _tell(kind: _Kind, keys: Sequence[str], books: Books) -> int:
    current = kind(books).current(keys)
    return books.announce_current([current[key] for key in keys if key in current])


def _wide_before_narrow(keys: Collection[str]) -> list[str]:
    return sorted(keys, key=lambda key: (len(key), key))


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
