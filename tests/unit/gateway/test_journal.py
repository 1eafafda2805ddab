"""The journal on a real disk: what it survives, what it keeps secret, when it says no."""

from __future__ import annotations

import asyncio
import base64
import os
import resource
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from chassis.actor import Actor
from chassis.vault import Vault
from gateway.journal.journal import Entry, Journal, JournalInUse, Note, StoreFull

KEY = base64.b64encode(secrets.token_bytes(32)).decode()
WANG = Actor("li", "desk-7", ("dispatcher",), ("999999003",), credential="client")
SECRET = "北门有人晕倒"


def note(number: int, text: str = SECRET) -> Note:
    return Note(WANG, None, {"command": "incident.create", "key": f"k-{number}", "data": {"summary": text}})


def opened(folder: Path, **options: int) -> Journal:
    return Journal(folder, Vault.from_text(KEY, mode="production"), **{"bytes_limit": 1 << 30, **options})


def recovered(folder: Path) -> list[Note]:
    journal = opened(folder)
    notes = [journal.read(entry) for entry in journal.recover()]
    journal.close()
    return notes


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))


def test_what_was_written_and_not_settled_is_there_for_the_next_life_in_the_order_taken(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    entries = [journal.write(note(number)) for number in range(5)]
    journal.settle(entries[1])
    journal.settle(entries[4])
    journal.close()
    assert recovered(tmp_path) == [note(0), note(2), note(3)]


def test_a_process_that_is_killed_loses_nothing_it_has_written(tmp_path: Path) -> None:
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from chassis.vault import Vault; from gateway.journal.journal import Journal, Note\n"
        "from chassis.actor import Actor\n"
        "journal = Journal(Path(sys.argv[2]), Vault.from_text(sys.argv[3], mode='production'), 1 << 30)\n"
        "journal.write(Note(Actor('dev', 'desk-7'), None, {'key': 'k-1', 'command': 'incident.create'}))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    root = str(Path(__file__).parents[3])
    assert subprocess.run([sys.executable, "-c", script, root, str(tmp_path), KEY], check=False).returncode == -9
    assert [each.command["key"] for each in recovered(tmp_path)] == ["k-1"]


@pytest.mark.parametrize("lost", [1, 20, 200])
def test_a_torn_tail_costs_the_record_that_was_being_written_and_no_other(tmp_path: Path, lost: int) -> None:
    journal = opened(tmp_path)
    for number in range(3):
        journal.write(note(number, "x" * 300))
    journal.close()
    (file,) = files(tmp_path)
    os.truncate(file, file.stat().st_size - lost)
    assert [each.command["key"] for each in recovered(tmp_path)] == ["k-0", "k-1"]


def test_a_record_that_changed_on_the_disk_is_passed_over_and_the_later_ones_are_kept(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    entries = [journal.write(note(number)) for number in range(3)]
    journal.close()
    (file,) = files(tmp_path)
    content = bytearray(file.read_bytes())
    content[entries[1].record.offset + 40] ^= 1
    file.write_bytes(content)
    assert [each.command["key"] for each in recovered(tmp_path)] == ["k-0", "k-2"]


def test_a_file_whose_head_is_damaged_is_put_aside_for_a_person(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write(note(1))
    journal.close()
    (file,) = files(tmp_path)
    file.write_bytes(b"\0" * file.stat().st_size)
    assert recovered(tmp_path) == []
    assert [path.name for path in tmp_path.glob("*.damaged")] == [file.with_suffix(".damaged").name]


def test_nothing_of_a_call_can_be_read_on_the_disk(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write(note(1))
    (file,) = files(tmp_path)
    content = file.read_bytes()
    for told in (SECRET.encode(), b"k-1", b"desk-7"):
        assert told not in content
    with pytest.raises(JournalInUse):
        opened(tmp_path)
    journal.close()


def test_a_settled_call_is_overwritten_at_once_and_its_file_deleted_when_nothing_in_it_waits(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    first, second = journal.write(note(1)), journal.write(note(2))
    (file,) = files(tmp_path)
    before = file.read_bytes()
    journal.settle(first)
    at, length = first.record.offset, first.record.length
    assert before[at + 25 : at + 25 + length].strip(b"\0")
    assert not file.read_bytes()[at + 25 : at + 25 + length].strip(b"\0")
    journal.tidy()
    assert files(tmp_path) == [file]
    journal.settle(second)
    journal.tidy()
    assert files(tmp_path) == []
    assert journal.size == 0
    journal.close()


def test_files_are_bounded_and_a_full_store_says_so_until_something_is_settled(tmp_path: Path) -> None:
    journal = opened(tmp_path, bytes_limit=8192, segment_bytes=2048)
    entries: list[Entry] = []

    def fill() -> None:
        while True:
            entries.append(journal.write(note(len(entries))))

    with pytest.raises(StoreFull):
        fill()
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 8192
    assert len(entries) > 10
    for entry in entries:
        journal.settle(entry)
    journal.tidy()
    journal.write(note(101))
    journal.close()
    assert [each.command["key"] for each in recovered(tmp_path)] == ["k-101"]


def test_a_full_disk_refuses_the_call_loses_none_before_it_and_is_forgotten_when_there_is_room(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write(note(1))
    (file,) = files(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel refuses in the middle of a record, as a full disk does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 60, hard))
    try:
        with pytest.raises(StoreFull):
            journal.write(note(2, "x" * 1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.write(note(3))
    journal.close()
    assert [each.command["key"] for each in recovered(tmp_path)] == ["k-1", "k-3"]


def test_those_who_wait_for_the_disk_share_its_rounds(tmp_path: Path) -> None:
    async def many() -> int:
        journal = opened(tmp_path)
        rounds = 0
        flush = journal._flush

        def counted(*arguments) -> None:
            nonlocal rounds
            rounds += 1
            flush(*arguments)

        journal._flush = counted  # type: ignore[method-assign]

        async def one(number: int) -> None:
            journal.write(note(number))
            await journal.sync()

        await asyncio.gather(*(one(number) for number in range(100)))
        journal.close()
        return rounds

    assert asyncio.run(many()) <= 2
