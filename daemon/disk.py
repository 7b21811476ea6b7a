"""The few things that this program wants of a disk: a write that is really there, a file that is never half there."""

import contextlib
import ctypes
import errno
import os
import shutil
import subprocess
from pathlib import Path
from threading import get_native_id

ROOM_ERRORS = (errno.ENOSPC, errno.EDQUOT)
FAULTS = {  # of an OSError that is no error of ours: the machine may be well again tomorrow
    **dict.fromkeys(ROOM_ERRORS, "disk_full"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN), "machine_busy"),
    errno.EIO: "disk_broken",
}
FOLDERS_DEEP = 100  # whoever copies or changes what is in a folder calls himself for each folder in another one


class TooDeep(Exception):  # noqa: N818  said of folders
    """There is no end of folders in one another."""


class SyncFailed(Exception):  # noqa: N818  said of the disk
    """The disk did not confirm a write. What is on it is unknown, so only a fresh start may look."""


def sync(file: int) -> None:
    """Wait until the disk confirms what was written to this descriptor."""
    try:
        os.fdatasync(file)
    except OSError as error:
        raise SyncFailed(f"the disk did not confirm a write: {error}") from error


def sync_path(path: Path) -> None:
    """The same for a file or folder by name: a new name in a folder is a write to the folder."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync(file)
    finally:
        os.close(file)


def sync_all(folder: Path) -> None:
    """Wait until the disk confirms everything that was written to it: for many files, and the folder lies there."""
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(file):
            error = OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
            raise SyncFailed(f"the disk did not confirm what was written to it: {error}")
    finally:
        os.close(file)


def sweep(folder: Path) -> None:
    """Remove what killed processes left of their `write_whole` here. Nobody else may be writing."""
    with contextlib.suppress(OSError):  # whoever needs a folder that cannot be looked into tells what is wrong with it
        for unfinished in folder.glob(".*.[0-9]*-[0-9]*.new"):
            unfinished.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Remove a folder with whatever strangers have left in it: folders without rights, or without an end."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except (OSError, RecursionError):
        ways = (["chmod", "-R", "u+rwX"], ["rm", "-rf"])
        for way in ways[folder.is_symlink() :]:
            with contextlib.suppress(OSError):  # what cannot be removed stays: whoever comes next tries again
                subprocess.run([*way, "--", folder], capture_output=True, check=False)  # noqa: S603  a folder of ours


def size_bytes(folder: Path) -> int:
    """How much is in a folder; `TooDeep` where there is no end of folders in it."""
    size, folders = 0, [(os.fspath(folder), 0)]
    while folders:
        here, depth = folders.pop()
        if depth > FOLDERS_DEEP:
            raise TooDeep(f"more than {FOLDERS_DEEP} folders in one another")
        with contextlib.suppress(PermissionError), os.scandir(here) as found:  # what strangers made has any rights
            for entry in found:
                size += entry.stat(follow_symlinks=False).st_size
                if entry.is_dir(follow_symlinks=False):
                    folders.append((entry.path, depth + 1))
    return size


def read_all(file: int, most: int) -> bytes:
    """What an open file holds from here on, up to so many bytes."""
    data = os.read(file, most)
    while len(data) < most and (more := os.read(file, most - len(data))):
        data += more
    return data


def write_all(file: int, data: bytes, offset: int = 0) -> None:
    """Write it into an open file, all of it, at this place."""
    rest = memoryview(data)
    while rest:  # an almost full disk takes a part before it takes nothing
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written


def write_whole(path: str | Path, data: bytes, *, durable: bool = False, by_way_of: str | Path = "") -> None:
    """Put a file in place in one move, so that a reader sees the old one or the new one and never a part.

    It is written beside its place, or in a folder that is swept more easily.
    """
    folder, name = os.path.split(path)  # done for every job, and a Path costs as much as the writing
    temporary = f"{by_way_of or folder}/.{name[:200]}.{os.getpid()}-{get_native_id()}.new"
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            write_all(file, data)
            if durable:
                sync(file)
        finally:
            os.close(file)
        os.replace(temporary, path)  # noqa: PTH105  the same
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        sync_path(Path(folder))
