"""The append-only log on disk: segments of lines, the only truth. What the facts mean is nobody's business here.

A segment is named after its first fact. Lines are staged in memory, then written and synced together. Reading goes
forward from a position and vouches for every byte; a torn end can be told from a broken middle.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from daemon import codec
from daemon.disk import ROOM_ERRORS, sync, sync_path, write_all
from daemon.events import AnyFact, Fact

READ_BYTES = 128 * 2**10  # so few that they and their facts are still in the processor's cache when they are folded


class Position(Struct, frozen=True):
    """A place between two facts: the segment, the bytes before it there, their checksum, the last fact's number."""

    segment: int = 1
    offset: int = 0
    running: int = 0
    seq: int = 0


class Stretch(Struct, frozen=True):
    """Lines that belong together at one place of one segment."""

    segment: int
    offset: int
    lines: list[bytes]


class Torn(Struct, frozen=True):
    """What was cut off the end of the log after a crash, and where it is kept."""

    segment: str
    offset: int
    lost_bytes: int
    kept_as: str


class LogBroken(Exception):  # noqa: N818  said of the log
    """The log cannot be read on: where, and why. Nothing may be skipped, so nothing goes on."""

    def __init__(self, segment: str, offset: int, reason: str) -> None:
        super().__init__(f"log segment {segment} is broken at byte {offset}: {reason}")
        self.segment, self.offset, self.reason = segment, offset, reason


class NoRoom(Exception):  # noqa: N818  said of the disk
    """The disk is full; the same can be tried again later."""


class Log:
    """One folder of segments, read up to its end and then written on."""

    def __init__(self, folder: Path, segment_bytes: int, start: Position | None = None) -> None:
        self.folder = folder
        self.segment_bytes = segment_bytes
        self.end = start or Position()
        self.torn: Torn | None = None
        self._staged: list[Stretch] = []
        self._open: tuple[int, int] | None = None  # segment and file descriptor that are written to

    @property
    def end(self) -> Position:
        """The position behind the last fact that was read or staged. Its parts are kept apart: each fact moves them."""
        return Position(self._segment, self._offset, self._running, self.seq)

    @end.setter
    def end(self, end: Position) -> None:
        self._segment, self._offset, self._running, self.seq = end.segment, end.offset, end.running, end.seq

    # Reading

    def read(self, *, mend: bool = False) -> Iterator[list[AnyFact]]:
        """All facts from the present position on, which moves along.

        A torn end is left alone, or with `mend` cut off and kept aside (told in `self.torn`).
        """
        self._verify_position()
        while True:
            path = self._path(self.end.segment)
            # Looked for before reading: a segment that has a later one is not written to any more, so a reader beside
            # a running daemon reads all of it.
            later = [name for name in segments(self.folder) if name > path.name]
            rest = b""
            if path.exists():
                with path.open("rb") as file:
                    file.seek(self.end.offset)
                    rest = yield from self._read_segment(path.name, file)
            if rest and later:
                raise LogBroken(path.name, self.end.offset, "a sealed segment ends in the middle of a fact")
            if rest:
                yield from self._read_torn_end(path, rest, mend=mend)
            if not later:
                break
            if later[0] != self._path(self.end.seq + 1).name:
                raise LogBroken(later[0], 0, f"fact {self.end.seq + 1} comes next, and no segment begins with it")
            self.end = Position(segment=self.end.seq + 1, seq=self.end.seq)
        if mend and path.exists():
            sync_path(path)  # a former daemon may have been killed between its last write and the sync

    def _verify_position(self) -> None:
        """Make sure that the line before the position is there and is the one that was read then."""
        if not self.end.offset:
            return
        path = self._path(self.end.segment)
        before = b""
        if path.exists():
            with path.open("rb") as file:
                file.seek(max(0, self.end.offset - codec.SEAL))
                before = file.read(codec.SEAL)
        if codec.running_after(before) != self.end.running:
            raise LogBroken(
                path.name, self.end.offset, f"fact {self.end.seq}, which was read before, does not end here"
            )

    def _read_segment(self, name: str, file: BinaryIO) -> Generator[list[AnyFact], None, bytes]:
        """Yield the facts of the whole lines in the file; return the bytes behind the last line end."""
        rest = b""
        while chunk := file.read(max(READ_BYTES, len(rest))):  # a longer line is put together in few steps
            cut = chunk.rfind(b"\n") + 1
            if cut:
                yield self._facts(name, rest + chunk[:cut])
                rest = b""
            rest += chunk[cut:]
        return rest

    def _facts(self, name: str, lines: bytes) -> list[AnyFact]:
        """The facts in these whole lines, which must follow on the present position; it moves behind them."""
        end = self.end
        running = codec.follows(memoryview(lines), end.running)
        if running is None:
            raise self._located(name, lines)
        try:
            facts = codec.decode_lines(lines)
        except msgspec.MsgspecError:
            raise self._located(name, lines) from None
        seq = end.seq + len(facts)
        if (facts[0].seq, facts[-1].seq) != (end.seq + 1, seq):
            raise self._located(name, lines)
        self.end = Position(end.segment, end.offset + len(lines), running, seq)
        return facts

    def _located(self, name: str, lines: bytes) -> LogBroken:
        """Which of these lines is broken, and how."""
        offset, running, seq = self.end.offset, self.end.running, self.end.seq
        for line in lines.splitlines(keepends=True):
            after = codec.follows(line, running)
            if after is None:
                return LogBroken(name, offset, f"fact {seq + 1} is not what was written (checksum)")
            try:
                fact = codec.decode(line)
            except msgspec.MsgspecError as error:
                reason = f"this version cannot read fact {seq + 1}, a newer one may have written it: {error}"
                return LogBroken(name, offset, reason)
            if fact.seq != seq + 1:
                return LogBroken(name, offset, f"fact {fact.seq} stands where {seq + 1} should")
            offset, running, seq = offset + len(line), after, fact.seq
        return LogBroken(name, offset, "its lines do not add up")

    def _read_torn_end(self, path: Path, rest: bytes, *, mend: bool) -> Iterator[list[AnyFact]]:
        """What is behind the last line end: a whole fact without one, a torn write, or damage to a whole fact."""
        if codec.follows(rest[:-1] + b"\n", self.end.running) is not None:
            raise LogBroken(
                path.name, self.end.offset + len(rest) - 1, f"the end of fact {self.end.seq + 1} is damaged"
            )
        whole = codec.follows(rest + b"\n", self.end.running) is not None
        offset = self.end.offset
        if mend and whole:
            _write_at(path, offset + len(rest), b"\n")
        elif mend:
            aside = path.with_name(f"{path.name}.torn-{offset}")
            _write_at(aside, 0, rest)
            os.truncate(path, offset)
            sync_path(path)
            sync_path(self.folder)
            self.torn = Torn(path.name, offset, len(rest), aside.name)
        if whole:
            yield self._facts(path.name, rest + b"\n")

    # Writing

    def stage(self, fact: Fact) -> None:
        """Give the fact, which carries the next number, its line; `write` brings it to the disk."""
        if self._offset >= self.segment_bytes:
            self.end = Position(segment=self.seq + 1, seq=self.seq)
        line, self._running = codec.encode(fact, self._running)
        if not self._staged or self._staged[-1].segment != self._segment:
            self._staged.append(Stretch(self._segment, self._offset, []))
        self._staged[-1].lines.append(line)
        self._offset += len(line)
        self.seq = fact.seq

    def take_staged(self) -> list[Stretch]:
        """What is staged, to be given to `write`."""
        staged, self._staged = self._staged, []
        return staged

    def write(self, stretches: list[Stretch]) -> None:
        """Write and sync; blocks. After `NoRoom` the same stretches can be written again."""
        for stretch in stretches:
            file = self._descriptor(stretch.segment)
            with _room_needed():
                write_all(file, b"".join(stretch.lines), stretch.offset)
            sync(file)

    def close(self) -> None:
        """Let go of the open segment."""
        if self._open is not None:
            os.close(self._open[1])
            self._open = None

    def _descriptor(self, segment: int) -> int:
        if self._open is not None and self._open[0] == segment:
            return self._open[1]
        self.close()
        with _room_needed():
            file = os.open(self._path(segment), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._open = (segment, file)
        sync_path(self.folder)
        return file

    def _path(self, segment: int) -> Path:
        return self.folder / f"{segment:012d}.jsonl"


def segments(folder: Path) -> list[str]:
    """The names of all segments, in order."""
    return sorted(path.name for path in folder.glob("*.jsonl"))


@contextmanager
def _room_needed() -> Iterator[None]:
    """A full disk is `NoRoom` here; any other error stays what it is."""
    try:
        yield
    except OSError as error:
        if error.errno in ROOM_ERRORS:
            raise NoRoom(str(error)) from error
        raise


def _write_at(path: Path, offset: int, data: bytes) -> None:
    with _room_needed():
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            write_all(file, data, offset)
            sync(file)
        finally:
            os.close(file)
