"""A file in an inlet: opened, read as entries, and put into rejected/ where it is not fit.

Whatever lies there is somebody's, and may be anything: half-written, huge, no file at all, or one that changes while it
is read.
"""

import hashlib
import os
import stat
from pathlib import Path

import orjson
from msgspec import Struct

from daemon import drops
from daemon.disk import read_all, write_whole
from daemon.drops import Drop, Unfit
from daemon.settings import Settings
from daemon.text.entries import Limits, join, parse

LINE_SUFFIXES = (".jsonl", ".ndjson")
WHY = ".why.json"
NAME_BYTES = 120  # of the dropped name in that in rejected/: room for what is put before and behind it
KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Entry(Struct):
    """One entry of a drop: the text that stood there, and what it was read as."""

    text: str
    read: Drop | Unfit
    blob: str = ""  # of a ramp: where its instances are kept


class Letter(Struct):
    """A file in an inlet, opened."""

    path: Path
    inlet: str
    source: str
    entries: list[Entry]
    seen: tuple[int, int, int]  # inode, modified, size: to notice that it changed after it was read
    are_lines: bool = False
    trouble: str = ""  # why it could not be removed

    def refused(self) -> list[tuple[int, Entry, Unfit]]:
        """What cannot be accepted, and its places."""
        found = enumerate(self.entries)
        return [(number, entry, entry.read) for number, entry in found if isinstance(entry.read, Unfit)]

    def accepted(self) -> int:
        """How many entries are something."""
        return len(self.entries) - len(self.refused())


class NotYet(Exception):  # noqa: N818  said of a file
    """The file may still be being written."""


# Opening


def open_letter(path: Path, inlet: str, settings: Settings, now: float) -> Letter:
    """Read a file in an inlet; `NotYet` where it may still be being written."""
    status = os.lstat(path)
    letter = Letter(path, inlet, "", [], seen(status))
    is_young = abs(now - status.st_mtime) < settings.half_written_s
    try:
        data = _read(path, status, settings.drop_max_bytes)
        letter.source = _source(path, status, data)
        promises_lines = path.suffix in LINE_SUFFIXES
        limits = Limits(settings.drop_max_entries, settings.drop_max_depth)
        pieces = parse(data, limits, are_lines=promises_lines)
    except Unfit as unfit:
        if is_young:
            raise NotYet from None
        letter.source = letter.source or _source(path, status)
        letter.entries = [Entry("", unfit)]
        return letter
    letter.are_lines = pieces.are_lines
    if is_young and (promises_lines or pieces.are_lines):
        raise NotYet  # more of them may come
    letter.entries = [Entry(piece.text, _as_drop(inlet, piece.value)) for piece in pieces.entries]
    return letter


def _as_drop(inlet: str, value: object) -> Drop | Unfit:
    if isinstance(value, Unfit):
        return value
    try:
        return drops.read(inlet, value)
    except Unfit as unfit:
        return unfit


def _read(path: Path, status: os.stat_result, most: int) -> bytes:
    kind = KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is not None:
        raise Unfit("file", "a regular file", kind, "drop the JSON file itself")
    if status.st_size > most:
        raise _too_large(status, most)
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            data = read_all(file, status.st_size)
            if seen(os.fstat(file)) != seen(status):
                raise NotYet  # what was read is neither what lay there nor what lies there now
        finally:
            os.close(file)
    except FileNotFoundError:
        raise
    except OSError as error:
        got = f"one that the daemon cannot open: {error.strerror or error}"
        remedy = f"let uid {os.geteuid()} read it (chmod a+r), and drop it again"
        raise Unfit("file", "a file that can be read", got, remedy) from None
    return data


def _too_large(status: os.stat_result, most: int) -> Unfit:
    expected = f"at most {most} bytes (drop_max_bytes)"
    return Unfit("file", expected, f"{status.st_size} bytes", "split it, or raise that setting")


def _source(path: Path, status: os.stat_result, data: bytes = b"") -> str:
    """What makes a file the same file. The time is that of its coming here (ctime): `cp -p` and `ln` bring the mtime
    along, and an inode number is given to the next file as soon as it is free.
    """
    digest = hashlib.blake2b(data, digest_size=8).hexdigest()
    return f"{printable(path.name)[:NAME_BYTES]}:{status.st_ino}:{status.st_ctime_ns}:{status.st_size}:{digest}"


def seen(status: os.stat_result) -> tuple[int, int, int]:
    """What changes when somebody writes into a file, or puts another one in its place."""
    return status.st_ino, status.st_mtime_ns, status.st_size


def printable(name: str) -> str:
    """A file name as text that any log can hold."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)


# Rejecting


def reject(letter: Letter, rejected: Path) -> None:
    """Put what could not be accepted into rejected/, first the reasons and then the thing, so that it can be redone."""
    name = _rejected_name(letter, rejected)
    refused = letter.refused()
    is_whole = len(refused) == len(letter.entries)
    why = {
        "name": printable(letter.path.name),
        "inlet": letter.inlet,
        "source": letter.source,
        "accepted": letter.accepted(),
        "problems": [
            {
                "entry": number,
                "field": unfit.field,
                "expected": unfit.expected,
                "got": unfit.got,
                "remedy": unfit.remedy,
            }
            for number, _, unfit in refused
        ],
        "kept": f"{'all of it' if is_whole else 'what was not accepted'} is in '{name}'",
        "then": f"mend it and move it into queue/{letter.inlet}/, or delete it; this file can go in either case",
    }
    write_whole(rejected / f"{name}{WHY}", orjson.dumps(why, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if is_whole:
        letter.path.rename(rejected / name)
    else:
        texts = [entry.text for _, entry, _ in refused]
        write_whole(rejected / name, join(texts, as_lines=letter.are_lines), durable=True)
        letter.path.unlink()


def _rejected_name(letter: Letter, rejected: Path) -> str:
    """A name in rejected/ that nothing else has, and the same again if this was begun before."""
    plain = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in letter.path.name)
    name = plain.encode()[:NAME_BYTES].decode(errors="ignore")
    why = rejected / f"{name}{WHY}"
    is_free = not os.path.lexists(why) and not os.path.lexists(rejected / name)
    if is_free or _source_told(why) == letter.source:
        return name
    return f"{hashlib.blake2b(letter.source.encode(), digest_size=4).hexdigest()}-{name}"


def _source_told(why: Path) -> str:
    """The source of which this file tells, if it is one of ours: rejected/ holds anything that was ever dropped."""
    try:
        if not stat.S_ISREG(os.lstat(why).st_mode):
            return ""
        told = orjson.loads(why.read_bytes())
        return str(told["source"])
    except (OSError, ValueError, TypeError, LookupError):
        return ""
