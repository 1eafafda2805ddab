"""Calls that a gateway has taken wait on its volume, and the volume stays when the release changes, forth and back."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from pathlib import Path

import pytest

from tests.upgrade import releases
from tests.upgrade.releases import Release

FIRST_WITH_JOURNAL = "f56ea9eae5626b60003c456cfd3fa7393edfc1f3"
KEY = base64.b64encode(secrets.token_bytes(32)).decode()
OPEN = """
import json, sys
from pathlib import Path
from chassis.actor import Actor
from chassis.vault import Vault
from gateway.journal.journal import Journal, Note
journal = Journal(Path(sys.argv[1]), Vault.from_text(sys.argv[2], mode="production"), 1 << 30)
"""
WRITE = """
caller = Actor("li", "desk-7", ("dispatcher",), ("999999003",), credential="client")
for number in range(5):
    data = {"source": "police", "category": "medical", "summary": "北门有人晕倒"}
    entry = journal.write(Note(caller, None, {"command": "incident.create", "key": f"k-{number}", "data": data}))
    if number == 1:
        journal.settle(entry)
"""
READ = """
notes = [journal.read(entry) for entry in journal.recover()]
print(json.dumps([[note.actor.to_claims(), note.traceparent, note.command] for note in notes]))
"""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The release before, or the first that had a journal."""
    folder = tmp_path_factory.mktemp("release") / "before"
    try:
        release = releases.unpack(releases.previous(), folder)
        if not (release.checkout / "gateway" / "journal").exists():
            release = releases.unpack(FIRST_WITH_JOURNAL, folder.with_name("first"))
    except releases.NotInThisClone as missing:
        pytest.skip(str(missing))
    return release


def told_by(release: Release, folder: Path, script: str) -> str:
    command = [release.python, "-c", OPEN + script, folder, KEY]
    done = subprocess.run(command, cwd=release.checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("back", [False, True], ids=["upgrade", "way back"])
def test_calls_that_wait_in_a_journal_outlive_a_change_of_release(before: Release, tmp_path: Path, back: bool) -> None:  # noqa: FBT001 parameter of a test
    writer, reader = (releases.this_checkout(), before) if back else (before, releases.this_checkout())
    told_by(writer, tmp_path, WRITE)
    waiting = json.loads(told_by(reader, tmp_path, READ))
    assert [command["key"] for _, _, command in waiting] == ["k-0", "k-2", "k-3", "k-4"]
    assert waiting == json.loads(told_by(writer, tmp_path, READ))
