"""A release of the past, as it was: its files in a folder of its own, and a Python with the packages of its lock.

`previous-release` beside this file names the commit or tag that a rolling upgrade to this checkout begins at. Whoever
releases writes the release there; whoever makes an upgrade without a stop impossible says so in CHANGELOG.md and names
the first commit after it.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from cli.stack.instance import CHECKOUT

NAMED_IN = Path(__file__).with_name("previous-release")
LOCK = "requirements.lock"
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*==\S+)", re.MULTILINE)
PACKAGES = ("chassis", "contracts", "cli", "gateway", "services.registry", "services.dispatch")
SHOW_FILES = "import importlib, sys; print(*(importlib.import_module(n).__file__ for n in sys.argv[1:]), sep='\\n')"


class NotInThisClone(Exception):
    """The commit is not here: a shallow clone, or one without tags."""


@dataclass(frozen=True)
class Release:
    """Where a release's files are and what runs them."""

    commit: str
    checkout: Path
    python: Path

    def __str__(self) -> str:
        return self.commit[:13]


def previous() -> str:
    """The commit or tag that an upgrade to this checkout begins at."""
    return NAMED_IN.read_text(encoding="utf-8").split()[0]


def this_checkout() -> Release:
    return Release("this checkout", CHECKOUT, Path(sys.executable))


def commit_of(name: str) -> str:
    """The full commit of a name. Raises NotInThisClone."""
    command = ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInThisClone(f"{name} is not in this clone: git fetch --unshallow --tags")
    return done.stdout.strip()


def unpack(name: str, folder: Path) -> Release:
    """The release `name` in `folder`, which is made. Raises NotInThisClone."""
    commit = commit_of(name)
    archive = subprocess.run(["git", "archive", commit], cwd=CHECKOUT, capture_output=True, check=True).stdout
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    release = Release(commit, folder, python_for(folder / LOCK))
    refuse_strangers(release)
    return release


def python_for(lock: Path) -> Path:
    """Our own Python where it holds every package of that lock in that version, else an environment made from it."""
    if pinned(lock) <= pinned(CHECKOUT / LOCK):
        return Path(sys.executable)
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    made = CHECKOUT / ".run" / "upgrade" / f"venv-{digest}"
    if not (made / "complete").exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, made], check=True)
        environment = {"UV_LINK_MODE": "copy", **os.environ, "VIRTUAL_ENV": str(made)}
        subprocess.run([uv, "pip", "install", "--quiet", "--require-hashes", "-r", lock], env=environment, check=True)
        (made / "complete").touch()
    return made / "bin" / "python"


def pinned(lock: Path) -> set[str]:
    """`name==version` of everything in a lock."""
    return set(PINNED.findall(lock.read_text(encoding="utf-8")))


def refuse_strangers(release: Release) -> None:
    """A release that ran our code where it lacks a module would prove nothing."""
    command = [release.python, "-c", SHOW_FILES, *PACKAGES]
    done = subprocess.run(command, cwd=release.checkout, capture_output=True, text=True, check=True)
    files = [Path(line) for line in done.stdout.splitlines()]
    if strangers := [file for file in files if not file.is_relative_to(release.checkout)]:
        raise AssertionError(f"the release of {release.checkout} would run {strangers}")
