"""What a child tells its parent in memory that both share: it arrives even if the child is killed or closes all files.

One writer at a time, the process that the tape was given to; a fork of that process stays silent. Bounded: what does
not fit is left out. Nothing here knows what is told.
"""

import json
import mmap
import os
from typing import Any, Dict, List

COUNT_BYTES = 8
LINE_BITS = 20  # of a cell; no file is longer than a million lines
LINE_MASK = (1 << LINE_BITS) - 1
FILES_AT_MOST = 1 << (32 - LINE_BITS)

_dumps, _getpid = json.dumps, os.getpid  # kept, whatever tests replace


class Tape:
    """Records, one after another."""

    def __init__(self, size_bytes: int) -> None:
        self._memory = mmap.mmap(-1, size_bytes)
        self._writer = _getpid()

    def clear(self) -> None:
        """Forget all records."""
        self._memory[:COUNT_BYTES] = bytes(COUNT_BYTES)

    def take(self) -> None:
        """Be the one who writes."""
        self._writer = _getpid()

    def tell(self, **fields: Any) -> None:
        """Add a record; it counts only once it is whole."""
        if _getpid() != self._writer:
            return
        data = _dumps(fields).encode() + b"\n"
        begin = COUNT_BYTES + self._length()
        if begin + len(data) <= len(self._memory):
            self._memory[begin : begin + len(data)] = data
            self._memory[:COUNT_BYTES] = (begin + len(data) - COUNT_BYTES).to_bytes(COUNT_BYTES, "little")

    def read(self) -> List[Dict[str, Any]]:
        """All records. What is no record was written by somebody else, and ends the reading."""
        end = COUNT_BYTES + self._length()
        records = []
        for line in self._memory[COUNT_BYTES : min(end, len(self._memory))].split(b"\n")[:-1]:
            try:
                record = json.loads(line.decode())
            except ValueError:
                break
            if not isinstance(record, dict):
                break
            records.append(record)
        return records

    def _length(self) -> int:
        return int.from_bytes(self._memory[:COUNT_BYTES], "little")


class Lines:
    """Lines of numbered files, each in one cell. To note one is an assignment: tracing does it often."""

    def __init__(self, cells: int) -> None:
        self._cells = memoryview(mmap.mmap(-1, 4 * cells)).cast("I")
        self._last = cells - 1

    def clear(self) -> None:
        """Forget all lines."""
        self._cells[0] = 0

    def note(self, file: int, line: int) -> None:
        """Add a line."""
        place = self._cells[0] + 1
        if place <= self._last:
            self._cells[place] = file << LINE_BITS | line & LINE_MASK
            self._cells[0] = place

    def read(self) -> Dict[int, List[int]]:
        """The lines of each file, in order and each once."""
        found: Dict[int, List[int]] = {}
        for cell in sorted(set(self._cells[1 : 1 + min(self._cells[0], self._last)])):
            found.setdefault(cell >> LINE_BITS, []).append(cell & LINE_MASK)
        return found
