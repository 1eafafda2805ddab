"""One file of the journal: records one behind the other, each checked by itself, each settled where it stands.

Layout, big-endian: a head (`WGJ1`, journal, number, the file's data key wrapped by the gateway's key, CRC-32), then
records: state, length, CRC-32, sequence, time taken in microseconds since 1970, sealed content (AES-256-GCM). The CRC
covers all but the state. Settling writes the state and zeros over the content in one call: what is settled is gone, and
nothing else of the file moves. A file is written by one process in one life: a torn tail is never written behind.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chassis.vault import DataCipher, Vault, VaultError, WrappedKey

MAGIC = b"WGJ1"
WAITING, SETTLED = 1, 2
TAG_BYTES = 16
LONGEST_RECORD = 4 * 1024 * 1024
_HEAD = struct.Struct(">4s8sQH")
_RECORD = struct.Struct(">BIIQQ")
_CHECKED = struct.Struct(">IQQ")
_CRC = struct.Struct(">I")
RECORD_BYTES = _RECORD.size + TAG_BYTES
"""What a record takes beside its content."""


class SegmentDamaged(Exception):
    """The file's head cannot be read, or its key not opened: nothing in it can be had."""


@dataclass(frozen=True, slots=True)
class Record:
    """Where one record stands. `length` is that of its sealed content, in bytes."""

    sequence: int
    taken_us: int
    offset: int
    length: int


class Segment:
    """One open file. `waiting` counts its records that are not settled; `size` is in bytes."""

    def __init__(self, path: Path, descriptor: int, number: int, cipher: DataCipher, size: int) -> None:
        self.path = path
        self.number = number
        self.descriptor = descriptor
        self.size = size
        self.waiting = 0
        self.unread_bytes = 0
        """Bytes that no record claims: a torn tail, or damage."""
        self._cipher = cipher

    @classmethod
    def create(cls, folder: Path, journal: bytes, number: int, vault: Vault) -> Segment:
        """A new, empty file. Raises OSError, and then leaves none behind."""
        path = folder / f"{number:016d}.journal"
        key = vault.issue_key(_subject(journal, number))
        head = _HEAD.pack(MAGIC, journal, number, len(key)) + key
        head += _CRC.pack(zlib.crc32(head))
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, head, 0)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return cls(path, descriptor, number, vault.cipher(_subject(journal, number), key), len(head))

    @classmethod
    def open(cls, path: Path, vault: Vault) -> Segment:
        """A file of an earlier life; only settled in, never appended to. Raises SegmentDamaged, OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            number, cipher, begins = _read_head(descriptor, vault)
        except SegmentDamaged:
            os.close(descriptor)
            raise
        return cls(path, descriptor, number, cipher, begins)

    def append(self, sequence: int, taken_us: int, content: bytes) -> Record:
        """Write one record; it is in the system's hands when this returns. Raises OSError: use another file then."""
        sealed = self._cipher.seal(sequence, content)
        checked = _CHECKED.pack(len(sealed), sequence, taken_us)
        crc = zlib.crc32(sealed, zlib.crc32(checked))
        offset = self.size
        _write_all(self.descriptor, _RECORD.pack(WAITING, len(sealed), crc, sequence, taken_us) + sealed, offset)
        self.size += _RECORD.size + len(sealed)
        self.waiting += 1
        return Record(sequence, taken_us, offset, len(sealed))

    def read(self, record: Record) -> bytes:
        """The content of a record that is not settled. Raises VaultError when it was changed."""
        sealed = os.pread(self.descriptor, record.length, record.offset + _RECORD.size)
        return self._cipher.open(record.sequence, sealed)

    def settle(self, record: Record) -> None:
        """Mark the record and overwrite its content. Raises OSError."""
        head = _RECORD.pack(SETTLED, record.length, 0, record.sequence, record.taken_us)
        self.waiting -= 1
        _write_all(self.descriptor, head + bytes(record.length), record.offset)

    def scan(self) -> Iterator[Record]:
        """The records that wait, in the order written. What cannot be read is passed over and counted."""
        whole = os.pread(self.descriptor, os.fstat(self.descriptor).st_size, 0)
        while self.size + _RECORD.size <= len(whole):
            offset = self.size
            state, length, crc, sequence, taken_us = _RECORD.unpack_from(whole, offset)
            end = offset + _RECORD.size + length
            if state not in (WAITING, SETTLED) or not TAG_BYTES <= length <= LONGEST_RECORD or end > len(whole):
                break
            self.size = end
            sealed = whole[offset + _RECORD.size : end]
            # Being overwritten when the machine lost its power: the state's page may have been the one that was lost.
            if state == SETTLED or not any(sealed[-TAG_BYTES:]):
                continue
            if zlib.crc32(sealed, zlib.crc32(_CHECKED.pack(length, sequence, taken_us))) != crc:
                self.unread_bytes += end - offset
                continue
            self.waiting += 1
            yield Record(sequence, taken_us, offset, length)
        self.unread_bytes += len(whole) - self.size
        self.size = len(whole)

    def close(self) -> None:
        """Close the file, which stays."""
        os.close(self.descriptor)

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        self.path.unlink(missing_ok=True)


def _subject(journal: bytes, number: int) -> str:
    return f"journal:{journal.hex()}:{number}"


def _read_head(descriptor: int, vault: Vault) -> tuple[int, DataCipher, int]:
    """The file's number, its cipher and where its records begin."""
    start = os.pread(descriptor, 1024, 0)
    if len(start) < _HEAD.size:
        raise SegmentDamaged("the head is cut off")
    magic, journal, number, key_length = _HEAD.unpack_from(start)
    end = _HEAD.size + key_length
    if magic != MAGIC or start[end : end + _CRC.size] != _CRC.pack(zlib.crc32(start[:end])):
        raise SegmentDamaged("the head is not one of ours, or changed")
    try:
        cipher = vault.cipher(_subject(journal, number), WrappedKey(start[_HEAD.size : end]))
    except VaultError as error:
        raise SegmentDamaged(f"its key does not open: {error}") from None
    return number, cipher, end + _CRC.size


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    """One call for all of it. Raises OSError also when only a part fits."""
    written = os.pwrite(descriptor, data, offset)
    if written != len(data):
        raise OSError(f"{written} of {len(data)} bytes could be written")
