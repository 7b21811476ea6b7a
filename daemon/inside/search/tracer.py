"""Which lines of the repository's own files run, test by test: with `sys.monitoring` where it exists, else `settrace`.

What it notes goes to shared memory at once, so that a test that is killed has told where it was. Nothing here knows
what a test is, or which of the lines is to blame.
"""

import os
import sys
import threading
from typing import Any, Dict, Optional, Sequence, Set, Tuple

from .tape import FILES_AT_MOST, Lines

TOOL = 4  # of the six that sys.monitoring has: one that it reserves for nobody
TOOL_NAME = "mendd"

_realpath = os.path.realpath


class Tracer:
    """Listens between `start` and `stop`; `begin` makes every line new again."""

    def __init__(self, files: Sequence[str], lines: Lines) -> None:
        self._numbers = {_realpath(file): number for number, file in enumerate(files[:FILES_AT_MOST])}
        self._known: Dict[str, Optional[int]] = {}
        self._lines = lines
        self._seen: Set[Tuple[int, int]] = set()

    def start(self) -> None:
        """Listen, in this thread and in those that begin."""
        self.begin()
        threading.settrace(self._enter)

    def stop(self) -> None:
        """Listen no longer."""
        sys.settrace(None)
        threading.settrace(None)

    def begin(self) -> None:
        """From now on it is another test's lines."""
        self._seen.clear()
        self._lines.clear()
        sys.settrace(self._enter)  # again: a listener that met a RecursionError has been dismissed

    def number(self, file: str) -> Optional[int]:
        """The number of an own file, by whatever name code knows it."""
        if file not in self._known:
            self._known[file] = self._numbers.get(_realpath(file)) if not file.startswith("<") else None
        return self._known[file]

    def _enter(self, frame: Any, _event: str, _argument: Any) -> Any:
        number = self.number(frame.f_code.co_filename)
        if number is None:
            return None
        seen, note = self._seen, self._lines.note

        def each(inner: Any, event: str, _argument: Any) -> Any:
            if event == "line":
                place = (number, inner.f_lineno)
                if place not in seen:
                    seen.add(place)
                    note(*place)
            return each

        return each


if sys.version_info >= (3, 12):

    class MonitoringTracer(Tracer):
        """The same, at next to no cost: a line is heard once, then no more until the next test."""

        def start(self) -> None:
            """Listen, in all threads."""
            events = sys.monitoring.events
            sys.monitoring.use_tool_id(TOOL, TOOL_NAME)
            sys.monitoring.register_callback(TOOL, events.PY_START, self._started)
            sys.monitoring.register_callback(TOOL, events.LINE, self._line)
            sys.monitoring.set_events(TOOL, events.PY_START)
            self.begin()

        def stop(self) -> None:
            """Listen no longer."""
            sys.monitoring.set_events(TOOL, 0)
            sys.monitoring.free_tool_id(TOOL)

        def begin(self) -> None:
            """From now on it is another test's lines."""
            self._seen.clear()
            self._lines.clear()
            sys.monitoring.restart_events()

        def _started(self, code: Any, _offset: int) -> Any:
            if self.number(code.co_filename) is not None:
                sys.monitoring.set_local_events(TOOL, code, sys.monitoring.events.LINE)
            return sys.monitoring.DISABLE

        def _line(self, code: Any, line: int) -> Any:
            number = self.number(code.co_filename)
            if number is not None and (number, line) not in self._seen:
                self._seen.add((number, line))
                self._lines.note(number, line)
            return sys.monitoring.DISABLE


def tracer(files: Sequence[str], lines: Lines) -> Tracer:
    """The best that this interpreter has."""
    if sys.version_info >= (3, 12):
        return MonitoringTracer(files, lines)
    return Tracer(files, lines)
