"""Small disks for the two servers, so that one can be filled: tmpfs mounts that only this run can see.

They live in a mount namespace of the run's own, which its children inherit: when the last of them has ended the kernel
takes the mounts away, whatever killed the run.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import suppress
from pathlib import Path

CLONE_NEWNS = 0x00020000
MEGABYTES = 1024
"""Of each disk; memory is only taken by what is written. Well above the broker's own alarm (200 MB free)."""
BALLAST = "ballast"
STEP = 16 * 1024 * 1024


def enter_a_namespace_of_our_own() -> str:
    """From here on our mounts are ours alone. Says why that cannot be had, or nothing."""
    if os.geteuid() != 0:
        return "only root may mount a small disk"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        return f"no mount namespace: {os.strerror(ctypes.get_errno())}"
    # Else what we mount would still be passed on to where we come from.
    done = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, text=True, check=False)
    return done.stderr.strip()


class SmallDisk:
    """A disk mounted at `place` that can be filled."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ballast = place / BALLAST

    def mount(self) -> None:
        """Raises CalledProcessError when the kernel will not."""
        self.place.mkdir(parents=True, exist_ok=True)
        options = f"size={MEGABYTES}m,mode=0700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "wangge-chaos", str(self.place)], check=True)

    def fill(self, leave: int = 0) -> int:
        """Take all that is free but `leave` bytes, also what was freed since; bytes taken now."""
        taken = 0
        with self._ballast.open("ab") as file:
            step = STEP
            while step:
                try:
                    if self._free_bytes() - step < leave:
                        raise BlockingIOError
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), step)
                    taken += step
                except OSError:
                    step = step // 2 if step > os.sysconf("SC_PAGESIZE") else 0
        return taken

    def _free_bytes(self) -> int:
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        """After the server has ended; what still holds it keeps it out of everybody's sight."""
        with suppress(FileNotFoundError):
            subprocess.run(["umount", "--lazy", str(self.place)], capture_output=True, check=False)
