"""Rings when something appears in a folder. Never more than a hint: whoever listens looks for himself, and now and then
even if nothing rang.

The kernel's own bell (inotify) is waited for directly, where there is one: it rings within a fraction of a millisecond
and costs nothing while nobody drops anything. Elsewhere `watchfiles` listens, which asks again every few milliseconds.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
from anyio.lowlevel import checkpoint

IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE, IN_DELETE_SELF, IN_MOVE_SELF = 0x8, 0x80, 0x100, 0x400, 0x800
IN_IGNORED = 0x8000
GONE = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED
EVENT = struct.Struct("iIII")
WATCHED = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF
READ_BYTES = 2**16
HAS_INOTIFY = sys.platform == "linux"
ASKED_EVERY_MS, GATHERED_MS, DEAF_MS = 5, 50, 500  # of watchfiles; it is deaf to a cancellation for that long


def rings(folders: Sequence[Path]) -> AsyncIterator[None]:
    """One ring after each change, or after several that came together. OSError where a folder is not there."""
    return _inotify(folders) if HAS_INOTIFY else _watchfiles(folders)


async def _inotify(folders: Sequence[Path]) -> AsyncIterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    bell = _checked(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify")
    try:
        for folder in folders:
            _checked(libc.inotify_add_watch(bell, os.fsencode(folder), WATCHED), str(folder))
        yield  # what came before it hung would be missed otherwise
        while True:
            await anyio.wait_readable(bell)
            with suppress(BlockingIOError):  # read until it is empty
                while told := os.read(bell, READ_BYTES):
                    if any(mask & GONE for mask in _masks(told)):
                        raise OSError(errno.ENOENT, "a folder that was listened at is gone")
                    await checkpoint()
            yield
    finally:
        os.close(bell)


def _masks(told: bytes) -> Iterator[int]:
    """What happened, of each event in what the kernel tells: watch, mask, cookie, length of the name, name."""
    place = 0
    while place < len(told):
        _, mask, _, length = EVENT.unpack_from(told, place)
        yield mask
        place += EVENT.size + length


def _checked(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), what)
    return result


async def _watchfiles(folders: Sequence[Path]) -> AsyncIterator[None]:
    from watchfiles import awatch

    changes = awatch(
        *folders, debounce=GATHERED_MS, step=ASKED_EVERY_MS, recursive=False, watch_filter=None, rust_timeout=DEAF_MS
    )
    async for _ in changes:
        yield
