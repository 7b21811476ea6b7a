"""One daemon at a time holds a state folder; the kernel gives the lock back whatever happens to a process."""

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path


class Held(Exception):  # noqa: N818  said of the state
    """Another daemon holds this state."""


def hold(folder: Path) -> int:
    """Take the lock of a state folder; the kernel gives it back whatever happens to this process."""
    (folder / "run").mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "run" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        who = os.pread(lock, 200, 0).decode(errors="replace").strip()
        os.close(lock)
        if error.errno != errno.EWOULDBLOCK:
            raise
        raise Held(f"{folder.resolve()} is held by another daemon ({who or 'just starting'})") from None
    with contextlib.suppress(OSError):  # the kernel knows who holds it; a full disk must not keep the daemon down
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"pid {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode(), 0)
    return lock
