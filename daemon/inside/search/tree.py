"""The repository's files as they were before any of its code ran, so that what a test writes there is undone.

Kept in memory that no test needs and forks do not copy. What cannot be kept (too large) is left as the tests left it.
"""

import mmap
import os
import shutil
from contextlib import suppress
from typing import Dict, Iterator, NamedTuple, Set, Tuple

FILE_BYTES = 8 * 2**20  # a larger file is data, and seldom written by tests
ALL_BYTES = 256 * 2**20  # in all; a sandbox has some gigabytes
LEFT_ALONE = {".git", ".hg", "node_modules", ".venv", "venv", ".tox", ".nox", "site-packages", "__pycache__"}

Stamp = Tuple[int, int, int, int]


class Kept(NamedTuple):
    """A file: what would change with it, and where its bytes are."""

    stamp: Stamp
    begin: int
    size: int


class Tree:
    """All of them."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: Set[str] = set()
        self._files: Dict[str, Kept] = {}
        sizes = {}
        room = ALL_BYTES
        for path, stamp in self._look(self._folders):
            sizes[path] = stamp
            room -= stamp[0] if stamp[0] <= FILE_BYTES else 0
        self._bytes = mmap.mmap(-1, max(1, ALL_BYTES - max(room, 0)))
        end = 0
        for path, stamp in sizes.items():
            data = _data(path) if stamp[0] <= FILE_BYTES else None
            if data is None or end + len(data) > len(self._bytes):
                self._files[path] = Kept(stamp, 0, -1)
                continue
            self._bytes[end : end + len(data)] = data
            self._files[path] = Kept(stamp, end, len(data))
            end += len(data)

    def restore(self) -> None:
        """Undo what was written, made or removed since."""
        folders: Set[str] = set()
        found = dict(self._look(folders))
        for folder in folders - self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        for path in found.keys() - self._files.keys():
            _remove(path)
        for folder in sorted(self._folders - folders):
            os.makedirs(folder, exist_ok=True)
        for path, kept in self._files.items():
            if found.get(path) != kept.stamp and kept.size >= 0:
                self._write(path, kept)

    def _write(self, path: str, kept: Kept) -> None:
        _remove(path)
        try:
            with open(path, "wb") as file:
                file.write(self._bytes[kept.begin : kept.begin + kept.size])
            os.chmod(path, kept.stamp[3] & 0o7777)
            os.utime(path, ns=(kept.stamp[1], kept.stamp[1]))
            about = os.lstat(path)
        except OSError:  # a full disk, a folder of another owner: the gate works on a tree of its own
            return
        self._files[path] = kept._replace(stamp=_stamp(about))

    def _look(self, folders: Set[str]) -> Iterator[Tuple[str, Stamp]]:
        unseen = [self._root]
        while unseen:
            with suppress(OSError), os.scandir(unseen.pop()) as entries:  # a folder that may not be read
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in LEFT_ALONE:
                            folders.add(entry.path)
                            unseen.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        yield entry.path, _stamp(entry.stat(follow_symlinks=False))
                    else:
                        yield entry.path, (FILE_BYTES + 1, 0, entry.inode(), 0)


def _stamp(about: os.stat_result) -> Stamp:
    return about.st_size, about.st_mtime_ns, about.st_ino, about.st_mode


def _data(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(FILE_BYTES)
    except OSError:
        return b""


def _remove(path: str) -> None:
    with suppress(OSError):  # it was not there
        os.unlink(path)
