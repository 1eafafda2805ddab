"""The journal: what was taken and is not settled yet, in files of this gateway's own folder.

Written before the call (`write`), so that a killed process loses nothing it had taken; on the disk (`sync`) before
anybody is told that it was taken. Each life of the process begins a new file; a file of which everything is settled is
deleted.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from chassis.actor import Actor
from chassis.errors import Unavailable
from chassis.logs import get_logger
from chassis.vault import Vault, VaultError
from gateway.journal import metrics
from gateway.journal.segment import RECORD_BYTES, Record, Segment, SegmentDamaged

USUAL_BYTES = 64 * 1024
SEGMENT_BYTES = 4 * 1024 * 1024
IDENTITY = "journal.id"
IDENTITY_BYTES = 8
log = get_logger()


class JournalInUse(Exception):
    """Another process has this folder."""


class StoreFull(Unavailable):
    """Nothing more can be taken while what was taken before cannot be delivered."""

    code, title = "intake_store_full", "接警暂存已满 · The store of taken calls is full"


@dataclass(frozen=True, slots=True)
class Note:
    """One command that was taken: for whom, of which trace, and the command's envelope."""

    actor: Actor
    traceparent: str | None
    command: dict[str, Any]

    def pack(self) -> bytes:
        """As it is written."""
        return orjson.dumps((self.actor.to_claims(), self.traceparent, self.command))

    @classmethod
    def unpack(cls, content: bytes) -> Note:
        """As it was written. Raises ValueError or TypeError for what was not."""
        actor, traceparent, command = orjson.loads(content)
        return cls(Actor.from_claims(actor), traceparent, command)


@dataclass(eq=False, slots=True)
class Entry:
    """One record that is not settled, and where it stands; its content stays in the file."""

    record: Record
    segment: Segment
    owner: str
    """Whose the key is: idempotency keys of two callers may be alike."""
    key: str

    @property
    def taken_us(self) -> int:
        """Microseconds since 1970 by this machine's clock."""
        return self.record.taken_us


class Journal:
    """One folder, one process. `bytes_limit` bounds the files, settled records in them included."""

    def __init__(self, folder: Path, vault: Vault, bytes_limit: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Raises JournalInUse, OSError."""
        self._folder = folder
        self._vault = vault
        self._bytes_limit = bytes_limit
        self._segment_bytes = segment_bytes
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._directory)
            raise JournalInUse(f"another process writes {folder}") from None
        self.identity = self._own_identity()
        self.size = 0
        """Bytes of all files."""
        self._segments: list[Segment] = []
        self._active: Segment | None = None
        self._number = 0
        self._sequence = time.time_ns() // 1000
        self._unsynced: set[Segment] = set()
        self._folder_unsynced = True
        self._syncing = ThreadPoolExecutor(1, "journal sync")
        self._round: asyncio.Task[None] | None = None
        self._written = self._synced = 0

    def recover(self) -> list[Entry]:
        """What earlier lives took and did not settle, in the order taken. To be called once, before anything else."""
        found: list[Entry] = []
        for path in sorted(self._folder.glob("*.journal")):
            self._number = max(self._number, int(path.stem))
            try:
                segment = Segment.open(path, self._vault)
            except SegmentDamaged as error:
                self._put_aside(path, str(error))
                continue
            found.extend(self._entries_of(segment))
            if segment.unread_bytes:
                log.warning("journal file has a torn tail or damage", file=path.name, size=segment.unread_bytes)
                metrics.UNREADABLE_BYTES.inc(segment.unread_bytes)
            self._segments.append(segment)
            self.size += segment.size
            self._drop_if_settled(segment)
        self._sequence = max([self._sequence, *(entry.record.sequence + 1 for entry in found)])
        return sorted(found, key=lambda entry: entry.record.sequence)

    @property
    def has_room(self) -> bool:
        """False when one more call of usual size would pass the limit."""
        return self.size + USUAL_BYTES < self._bytes_limit

    def write(self, note: Note) -> Entry:
        """Keep a note; a kill of this process no longer loses it. Raises StoreFull, also for a disk that is full."""
        content = note.pack()
        try:
            segment = self._segment_for(len(content))
            before = segment.size
            record = segment.append(self._sequence, time.time_ns() // 1000, content)
            self.size += segment.size - before
        except OSError as error:
            self._abandon()
            metrics.WRITE_FAILED.inc()
            log.error("journal cannot be written", reason=os.strerror(error.errno) if error.errno else "disk full")  # noqa: TRY400
            raise StoreFull("what was taken cannot be written down") from error
        self._sequence += 1
        self._written += 1
        self._unsynced.add(segment)
        return Entry(record, segment, note.actor.owner, note.command["key"])

    def read(self, entry: Entry) -> Note:
        """What was written. Raises VaultError when it was changed on the disk."""
        return Note.unpack(entry.segment.read(entry.record))

    def settle(self, entry: Entry) -> None:
        """Its content is overwritten; a file without any other that waits is deleted once it is no longer written."""
        segment = entry.segment
        try:
            segment.settle(entry.record)
        except OSError as error:
            # It will be delivered once more after a restart, under its key, to no effect.
            log.warning("journal entry not marked as settled", reason=type(error).__name__)
        self._unsynced.add(segment)
        self._drop_if_settled(segment)

    def tidy(self) -> None:
        """Begin a new file when everything in this one is settled, so that not even its outline lies about."""
        active = self._active
        if active is not None and active.waiting == 0:
            self._active = None
            self._drop_if_settled(active)

    async def sync(self) -> None:
        """Return when everything written so far is on the disk; who asks meanwhile shares the next round.

        Raises StoreFull when the disk refuses.
        """
        wanted = self._written
        while self._synced < wanted:
            if self._round is None:
                self._round = asyncio.create_task(self._sync_once())
            await asyncio.shield(self._round)

    def close(self) -> None:
        """Give the folder back; what is not settled stays in it."""
        self.tidy()
        self._syncing.shutdown()
        for segment in self._segments:
            segment.close()
        os.close(self._directory)

    async def _sync_once(self) -> None:
        target, segments, self._unsynced = self._written, self._unsynced, set()
        folder, self._folder_unsynced = self._folder_unsynced, False
        # Copies, because a file may be settled and closed while the disk is at work.
        descriptors = [os.dup(segment.descriptor) for segment in segments]
        try:
            await asyncio.get_running_loop().run_in_executor(self._syncing, self._flush, descriptors, folder)
            self._synced = target
        except OSError as error:
            self._unsynced |= segments & set(self._segments)
            self._folder_unsynced |= folder
            metrics.WRITE_FAILED.inc()
            raise StoreFull("what was taken cannot be brought to the disk") from error
        finally:
            self._round = None

    def _flush(self, descriptors: list[int], folder: bool) -> None:  # noqa: FBT001 (with the folder, or without)
        try:
            for descriptor in descriptors:
                os.fdatasync(descriptor)
            if folder:
                os.fsync(self._directory)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _segment_for(self, content_bytes: int) -> Segment:
        if self.size + content_bytes + RECORD_BYTES > self._bytes_limit:
            raise StoreFull(f"more than {self._bytes_limit} bytes wait", limit_bytes=self._bytes_limit)
        if self._active is None or self._active.size >= self._segment_bytes:
            self._abandon()
            self._number += 1
            self._active = Segment.create(self._folder, self.identity, self._number, self._vault)
            self._segments.append(self._active)
            self.size += self._active.size
            self._folder_unsynced = True
        return self._active

    def _abandon(self) -> None:
        """Write no more into the present file: it is full, or its end is not known."""
        active, self._active = self._active, None
        if active is not None:
            self._drop_if_settled(active)

    def _drop_if_settled(self, segment: Segment) -> None:
        if segment.waiting == 0 and segment is not self._active:
            self._segments.remove(segment)
            self.size -= segment.size
            self._unsynced.discard(segment)
            segment.remove()

    def _entries_of(self, segment: Segment) -> Iterator[Entry]:
        for record in segment.scan():
            entry = Entry(record, segment, "", "")
            try:
                note = self.read(entry)
            except (VaultError, ValueError, TypeError):
                log.error("journal entry does not open", file=segment.path.name, sequence=record.sequence)  # noqa: TRY400
                metrics.UNREADABLE_BYTES.inc(record.length)
                continue
            entry.owner, entry.key = note.actor.owner, note.command["key"]
            yield entry

    def _put_aside(self, path: Path, why: str) -> None:
        """For a person to look at: it may hold calls, and nobody can say so."""
        metrics.UNREADABLE_BYTES.inc(path.stat().st_size)
        log.error("journal file cannot be read and is put aside", file=path.name, reason=why)
        path.rename(path.with_suffix(".damaged"))

    def _own_identity(self) -> bytes:
        path = self._folder / IDENTITY
        if path.exists():
            known = path.read_bytes()
            if len(known) == IDENTITY_BYTES:
                return known
        made = secrets.token_bytes(IDENTITY_BYTES)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(made)
        fresh.replace(path)
        return made
