"""What the tools share: where the folders are, reading state/ while the daemon writes there, and words for people.

Each view is read into a type in which every field has a default, so that the view of an older daemon still shows what
it has, and one that is not there shows nothing. Nothing here imports the daemon or writes.
"""

import math
import os
import re
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct, field

HOUSE = Path(__file__).resolve().parent.parent  # where the daemon runs
START = "start it with `bash startup.sh`"
AS_WHOM = "look as the user whom the daemon runs as"
NO_STATE = 2  # the exit status of whoever is to read a state that is not there
TEXT_CHARACTERS = 500
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
UNITS = ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min"))
BARS = "▁▂▃▄▅▆▇█"

View = TypeVar("View", bound=Struct)


# Where things are


def setting(name: str, default: str) -> str:
    """A setting as the daemon has it: MENDD_* over its settings.toml over the default."""
    try:
        in_file = tomllib.loads((HOUSE / "settings.toml").read_text(encoding="utf-8")).get(name, default)
    except (OSError, ValueError):  # the daemon will say what is wrong with it
        in_file = default
    return os.environ.get(f"MENDD_{name.upper()}", str(in_file))


def number(name: str, default: float) -> float:
    """A setting that is a number; the default if it is none, for the daemon will say what is wrong with it."""
    try:
        found = float(setting(name, str(default)))
    except ValueError:
        return default
    return found if math.isfinite(found) else default


def folder(name: str, default: str) -> Path:
    """A folder that a setting names: seen from where the daemon runs, or from here if the environment names it."""
    named = Path(setting(name, default))
    return named if f"MENDD_{name.upper()}" in os.environ else HOUSE / named


def absence(state: Path) -> str:
    """Why there is nothing to be seen in this folder, and what to do about it; empty if there is."""
    try:
        if (state / "run" / "lock").exists() or (state / "log").exists():
            return ""
    except PermissionError:
        return f"{clean(str(state))} may not be looked into: {AS_WHOM}"
    where = f"there is no state in {clean(str(state.resolve()))}, no daemon has run there"
    return f"{where}: {START}, or name another folder with --state, MENDD_STATE_DIR or state_dir in settings.toml"


# Views, as far as the tools read them


class Minute(Struct):
    """What the daemon counted in one minute."""

    accepted: int = 0
    rejected: int = 0
    settled: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    crashes: int = 0
    restarts: int = 0
    torn_ends: int = 0
    pauses: int = 0


class Life(Struct):
    """A start of the daemon, and its clean end if there was one."""

    started_at: float = 0.0
    stopped_at: float | None = None
    reason: str = ""


class Health(Struct):
    """health.json."""

    lives: list[Life] = field(default_factory=list)
    minutes: dict[int, Minute] = field(default_factory=dict)


class Hand(Struct):
    """A run that a worker has in hand."""

    run: str = ""
    job: str = ""
    worker: str = ""
    since: float = 0.0


class Waiting(Struct):
    """A run that nobody has in hand."""

    run: str = ""
    job: str = ""
    waiting_since: float = 0.0
    why: str = ""
    not_before: float | None = None


class Queue(Struct):
    """queue.json."""

    depth: int = 0
    delayed_depth: int = 0
    waiting_for: dict[str, int] = field(default_factory=dict)
    running: list[Hand] = field(default_factory=list)
    ready: list[Waiting] = field(default_factory=list)
    delayed: list[Waiting] = field(default_factory=list)
    oldest_ready_since: float | None = None
    intake_paused: str | None = None
    work_paused: str | None = None


def view(state: Path, name: str, kind: type[View], problems: list[str]) -> View:
    """A view as it was last published. If it cannot be read: an empty one, and a word about it in `problems`."""
    path = state / "views" / f"{name}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except PermissionError:
        problems.append(f"views/{name}.json may not be read: {AS_WHOM}")
    except FileNotFoundError:
        problems.append(f"views/{name}.json is not there (yet); `python -m daemon replay` makes it, too")
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        problems.append(f"views/{name}.json cannot be read: `python -m daemon replay` remakes it ({clean(str(error))})")
    return kind()


def total(minutes: Iterable[Minute]) -> Minute:
    """Many minutes as one."""
    whole = Minute()
    for minute in minutes:
        for name in Minute.__struct_fields__:
            mine, more = getattr(whole, name), getattr(minute, name)
            setattr(whole, name, dict(Counter(mine) + Counter(more)) if isinstance(more, dict) else mine + more)
    return whole


# The daemon itself


class Daemon(Struct):
    """Whether there is one, told by the lock that the kernel takes from the dead, and by its heartbeat."""

    condition: Literal["running", "silent", "stopped", "dead"]
    words: str
    remedy: str = ""
    pid: int | None = None
    beat_age_s: float | None = None
    up_s: float | None = None


def daemon(state: Path, lives: list[Life], now: float, stale_s: float) -> Daemon:
    """How the daemon of this state is. Only looks: taking the lock, however shortly, could keep a daemon from it."""
    pid, beat_at = _lock_pid(state), _beat_at(state)
    beat_age_s = None if beat_at is None else max(0.0, now - beat_at)
    last = lives[-1] if lives else Life()
    is_fresh = beat_age_s is not None and beat_age_s <= stale_s
    held = _is_held(state / "run" / "lock")
    if held is None:  # this system does not tell
        held = is_fresh and last.stopped_at is None
    if held:
        age = "no heartbeat yet" if beat_age_s is None else f"heartbeat {span(beat_age_s)} ago"
        up_s = max(0.0, now - last.started_at) if last.started_at and last.stopped_at is None else None
        if is_fresh:
            up = "" if up_s is None else f", up {span(up_s)}"
            return Daemon("running", f"running, pid {pid}{up}, {age}", "", pid, beat_age_s, up_s)
        remedy = f"the supervisor restarts it; without one: kill -9 {pid}"
        return Daemon("silent", f"silent, pid {pid}, but {age}", remedy, pid, beat_age_s, up_s)
    if last.stopped_at is not None:
        why = f" ({clean(last.reason)})" if last.reason else ""
        return Daemon(
            "stopped", f"not running: stopped {span(now - last.stopped_at)} ago{why}", START, None, beat_age_s
        )
    seen = "" if beat_age_s is None else f", last heard of {span(beat_age_s)} ago"
    return Daemon("dead", f"not running: ended without a clean stop{seen}", START, None, beat_age_s)


def _lock_pid(state: Path) -> int | None:
    try:
        found = re.match(r"pid (\d+)", (state / "run" / "lock").read_text(errors="replace"))
    except OSError:
        return None
    return int(found[1]) if found else None


def _beat_at(state: Path) -> float | None:
    try:
        return (state / "run" / "heartbeat").stat().st_mtime
    except OSError:
        return None


def _is_held(lock: Path) -> bool | None:
    """Whether the kernel lists a lock on this file; None where it keeps no list."""
    try:
        listed = Path("/proc/locks").read_text(encoding="ascii")
        return f":{lock.stat().st_ino} " in listed
    except FileNotFoundError:
        return None if lock.exists() else False
    except OSError:
        return None


def free_bytes(state: Path) -> int | None:
    """Room on the disk for everybody who is not root."""
    try:
        room = os.statvfs(state)
    except OSError:
        return None
    return room.f_bavail * room.f_frsize


# Words


def speak() -> None:
    """Let neither a narrow encoding, nor a reader who has had enough, nor that there is none end in a traceback."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  it stays open to the end
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # typed as if it could be anything
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def clean(text: str) -> str:
    """Untrusted text on one line, with nothing in it that a terminal would obey."""
    return "".join(c if c.isprintable() else "·" for c in " ".join(text[:TEXT_CHARACTERS].split()))


def span(seconds: float) -> str:
    """A length of time, as short as it can be said."""
    for unit_s, unit in UNITS:
        if seconds >= unit_s:
            return f"{seconds / unit_s:.{0 if seconds >= 10 * unit_s else 1}f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def moment(at: float) -> str:
    """A point in time on this machine's clock."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
    except (OverflowError, ValueError, OSError):
        return "?"


def counts(numbers: dict[str, int]) -> str:
    """Named numbers in one phrase, the largest first."""
    named = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return " · ".join(f"{clean(name).replace('_', ' ')} {number}" for name, number in named) or "none"


def many(count: int, what: str) -> str:
    """So many of something."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def sparkline(numbers: list[int]) -> str:
    """Numbers as bars, on one line; nothing is a space, so that little is told from none."""
    most = max([*numbers, 1])
    return "".join(BARS[min(7, (8 * number - 1) // most)] if number > 0 else " " for number in numbers)
