"""One local stack of one checkout: its name and the files it keeps under `.run/NAME/`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.stack.packages import StackError

CHECKOUT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,20}")
# Every process a supervisor starts carries this variable, so that what a dead supervisor left can be found again.
MARK = "WANGGE_RUN_DIRECTORY"


@dataclass(frozen=True)
class Instance:
    """A named stack. Two instances share nothing but the code."""

    name: str
    checkout: Path = CHECKOUT

    @classmethod
    def named(cls, name: str) -> Instance:
        """Raises StackError when the name could not be part of a file name and of a node name."""
        if not NAME.fullmatch(name):
            raise StackError(f"instance names match {NAME.pattern}, unlike {name!r}")
        return cls(name)

    @property
    def directory(self) -> Path:
        return self.checkout / ".run" / self.name

    @property
    def digest(self) -> str:
        """What tells this instance of this checkout from every other on the machine."""
        return hashlib.sha256(f"{self.checkout}\0{self.name}".encode()).hexdigest()[:10]

    @property
    def mark(self) -> str:
        return f"{MARK}={self.directory}"

    def log(self, part: str) -> Path:
        return self.directory / "logs" / f"{part}.log"

    def make_directory(self) -> None:
        """Make `.run/NAME/` so that PostgreSQL's account may pass through it, though not list it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for directory in (self.directory.parent, self.directory):
            directory.chmod(0o711)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One `up` or `down` of an instance at a time; the next one waits."""
        with _lock(self.directory / "command.lock", fcntl.LOCK_EX):
            yield

    @contextmanager
    def only_supervisor(self) -> Iterator[None]:
        """Held by a supervisor for life. Raises BlockingIOError when another one holds it."""
        with _lock(self.directory / "supervisor.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield


@contextmanager
def _lock(path: Path, how: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
