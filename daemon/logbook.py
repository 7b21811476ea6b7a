"""What the daemon says while it runs: one JSON line for scripts in state/run/, one plain line for the person watching.

Volatile: nothing is ever read back from it, and a full disk silences it before it stops anything else.
"""

import contextlib
import sys
from pathlib import Path

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

MOST_BYTES = 16 * 2**20  # then the file becomes daemon.log.jsonl.1, and a new one begins


class Logbook:
    """The file, which begins anew when it has become long; gone the moment the disk is full."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)

    def write(self, _: WrappedLogger, __: str, entry: EventDict) -> str:
        """Keep an entry, and pass on its plain form."""
        with contextlib.suppress(OSError, TypeError):  # TypeError: half of a character, from somebody's file name
            self._file.write(orjson.dumps(entry, default=str, option=orjson.OPT_APPEND_NEWLINE))
            if self._file.tell() > MOST_BYTES:
                self._path.replace(self._path.with_suffix(".jsonl.1"))
                full, self._file = self._file, self._path.open("ab", buffering=0)
                full.close()
        return _plain(entry)


class Teller:
    """Prints for the person watching, as long as there is somebody or something to print to."""

    def msg(self, line: str) -> None:
        """Print a line."""
        with contextlib.suppress(OSError, ValueError):
            print(line.encode(errors="backslashreplace").decode(), file=sys.stderr, flush=True)

    debug = info = warning = error = critical = fatal = msg


def open_logbook(folder: Path) -> None:
    """Write to this folder and to stderr from now on."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=False),
            structlog.processors.format_exc_info,
            Logbook(folder / "daemon.log.jsonl").write,
        ],
        logger_factory=lambda *_: Teller(),
        cache_logger_on_first_use=True,
    )


def _plain(entry: EventDict) -> str:
    """An entry as a line for a person: the time, the event, its details."""
    entry = dict(entry)
    time, event, level = str(entry.pop("timestamp"))[11:19], str(entry.pop("event")), entry.pop("level")
    trace = entry.pop("exception", None)
    details = "  ".join(f"{key}={value}" for key, value in entry.items() if value not in ("", None))
    mark = "" if level == "info" else f"{level}: "
    line = f"{time}  {mark}{event.replace('_', ' ')}  {details}".rstrip()
    return f"{line}\n{trace}" if trace else line
