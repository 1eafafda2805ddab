"""Wall clocks of single processes that can be stepped while they run; the machine's own clock is never touched."""

from __future__ import annotations

import atexit
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from cli.stack import packages

SOURCE = Path(__file__).with_name("clock_shim.c")
DIAL = struct.Struct("qq")
NANOSECONDS = 1_000_000_000


class Clocks:
    """One dial for each process name; `why_not` says why there are none, and is empty when there are."""

    def __init__(self) -> None:
        self.why_not = ""
        self._set: dict[str, float] = {}
        # Outside the checkout: PostgreSQL's account may not be able to enter that.
        self.folder = Path(tempfile.mkdtemp(prefix="wangge-clocks-"))
        self.folder.chmod(0o755)
        atexit.register(self.close)  # also when a run ends before its stack was up
        self._library = self.folder / "clock_shim.so"
        self._compile()

    def environment(self, name: str) -> dict[str, str]:
        """What a process of that name is started with; nothing when there are no dials."""
        if self.why_not:
            return {}
        file = self._file(name)
        if not file.exists():
            file.write_bytes(DIAL.pack(0, 0))
            file.chmod(0o666)
        return {"LD_PRELOAD": str(self._library), "WANGGE_CLOCK_FILE": str(file)}

    def step(self, name: str, seconds: float) -> None:
        """Move that process's clock by so many seconds against where it stands now."""
        self._set[name] = self.ahead(name) + seconds
        with self._file(name).open("r+b") as file:
            file.write(struct.pack("q", int(self._set[name] * NANOSECONDS)))

    def ahead(self, name: str) -> float:
        """Seconds by which that process's clock is ahead of the machine's."""
        return self._set.get(name, 0.0)

    def asked(self, name: str) -> int:
        """How often the process has looked at its clock while that was wrong."""
        return int(DIAL.unpack(self._file(name).read_bytes())[1])

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, name: str) -> Path:
        return self.folder / name

    def _compile(self) -> None:
        try:
            compiler = find_compiler()
        except packages.StackError as refusal:
            self.why_not = str(refusal)
            return
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self.why_not = f"{compiler} does not compile {SOURCE.name}: {done.stderr.strip()[-300:]}"


def find_compiler() -> str:
    """Path of the C compiler, installed from the distribution when root. Raises StackError when there is none."""
    if (found := shutil.which("cc")) is not None:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise packages.StackError("there is no C compiler: cc")
    with packages.one_at_a_time():
        packages.apt("update", "-qq")
        packages.apt("install", "-y", "-qq", "--no-install-recommends", "gcc", "libc6-dev")
    if (found := shutil.which("cc")) is None:
        raise packages.StackError("there is no C compiler: cc")
    return found
