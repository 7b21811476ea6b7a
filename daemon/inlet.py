"""queue/ → facts. The folders are the interface: what lies in an inlet is not accepted yet, an empty inlet is.

A drop is recorded durably, and only then removed. If the daemon dies in between, the file is known by its source when
it is seen again: never lost, never taken twice. The doorbell only says that it may be worth looking; looking is what
counts, at every ring and every few seconds regardless.
"""

import hashlib
import os
import stat
from pathlib import Path
from typing import Any, Literal

import anyio
import orjson
import structlog
from anyio.to_thread import run_sync
from msgspec import Struct
from watchfiles import awatch

from daemon import drops
from daemon import events as e
from daemon.disk import write_whole
from daemon.drops import INLETS, Drop, ErrorReport, Idea, Repair, Retry, Unfit
from daemon.events import Fact
from daemon.log import Log
from daemon.settings import Settings
from daemon.state import State
from daemon.text import signature
from daemon.text.entries import Limits, parse
from daemon.views.jobs import FOLD, Job, Jobs

FOLDERS = (*INLETS, "rejected", "tmp")
UNFINISHED = (".tmp", ".part")  # with dotfiles: names that say themselves that they are not ready
LINE_SUFFIXES = (".jsonl", ".ndjson")
NAME_CHARACTERS = 120
KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

logger = structlog.get_logger("inlet")


class Entry(Struct):
    """One entry of a drop: the value that stood there, and what it was read as."""

    value: Any
    read: Drop | Unfit


class Letter(Struct):
    """A file in an inlet, opened."""

    path: Path
    inlet: str
    source: str
    entries: list[Entry]
    seen: tuple[int, int, int]  # inode, modified, size: to notice that it changed after it was read


class NotYet(Exception):  # noqa: N818  said of a file
    """The file may still be being written."""


class Inlet:
    """Takes in what lies in the inlets."""

    def __init__(self, queue: Path, state: State) -> None:
        self.queue = queue
        self.state = state
        self.empty = False  # whether the last look left nothing behind
        self._rung = anyio.Event()
        self._rewatch = anyio.Event()
        self._watched: list[int] = []
        self._unremoved: list[Letter] = []
        self._closed = False

    async def follow(self) -> None:
        """Look again and again: when it rings, when something was left, and regardless."""
        settings = self.state.settings
        while True:
            self._rung = anyio.Event()
            await self.look()
            wait_s = settings.scan_every_s if self.empty else min(settings.scan_every_s, settings.half_written_s or 0.1)
            with anyio.move_on_after(wait_s):
                await self._rung.wait()

    async def listen(self) -> None:
        """The doorbell."""
        settings = self.state.settings
        while not self._closed:
            self._rewatch = anyio.Event()
            self._watched = await run_sync(self._make_folders)
            self._rung.set()
            async for _ in awatch(
                *(self.queue / inlet for inlet in INLETS),
                debounce=settings.doorbell_debounce_ms,
                step=settings.doorbell_step_ms,
                recursive=False,
                watch_filter=None,
                stop_event=self._rewatch,
            ):
                self._rung.set()

    def close(self) -> None:
        """Let the doorbell go; it would be deaf to a mere cancellation for seconds."""
        self._closed = True
        self._rewatch.set()

    async def look(self) -> None:
        """Take in everything that lies there now."""
        if await run_sync(self._make_folders) != self._watched:
            self._rewatch.set()  # a folder was made anew, and the doorbell hangs on the old one
        self._unremoved = await run_sync(self._clear_away, self._unremoved)
        left = False
        for inlet in INLETS:
            names = await run_sync(_names, self.queue / inlet)
            size = self.state.settings.intake_batch
            for start in range(0, len(names), size):
                if self._unremoved or not await self._has_room():
                    left = True
                    break
                left |= await self._take_batch(inlet, names[start : start + size])
        self.empty = not (left or self._unremoved)

    async def _take_batch(self, inlet: str, names: list[str]) -> bool:
        """Take these files in; return whether any was left lying."""
        letters = await run_sync(self._open_all, inlet, names)
        for letter in letters:
            done = self.state.views.jobs.sources.get(letter.source, 0)
            for number, entry in enumerate(letter.entries[done:], done):
                self.state.note(await self._fact(letter, number, entry.read))
        await self.state.durable()
        self._unremoved = await run_sync(self._clear_away, letters)
        return len(letters) < len(names)

    async def _has_room(self) -> bool:
        """Whether the disk has room for what a drop leads to; tells when that changes."""
        if self.state.obstructed:
            return False  # a fact about it would have to wait as well
        settings, paused = self.state.settings, self.state.views.queue.paused
        free = await run_sync(_free_bytes, self.state.folder)
        if free >= settings.min_free_bytes:
            if paused:
                logger.info("intake_resumed")
                await self.state.record(e.IntakeResumed())
            return True
        if not paused:
            reason = f"{free // 2**20} MiB are free for {self.state.folder}, min_free_bytes asks for more"
            logger.warning("intake_paused", reason=reason, remedy="make room; intake goes on by itself")
            await self.state.record(e.IntakePaused(reason=reason))
        return False

    # Reading

    def _open_all(self, inlet: str, names: list[str]) -> list[Letter]:
        letters = []
        for name in names:
            try:
                letters.append(open_letter(self.queue / inlet / name, inlet, self.state.settings, self.state.now()))
            except (NotYet, FileNotFoundError):  # half written, or taken back
                continue
        return letters

    # Facts

    async def _fact(self, letter: Letter, number: int, read: Drop | Unfit) -> Fact:
        """What an entry leads to."""
        try:
            match read:
                case Repair() | Idea():
                    return self._accepted(letter, number, read)
                case ErrorReport():
                    return self._reported(letter, number, read)
                case Retry():
                    return await self._reopened(letter, number, read)
                case Unfit():
                    return _rejected(letter, number, read)
        except Unfit as unfit:
            letter.entries[number].read = unfit
            return _rejected(letter, number, unfit)

    def _accepted(self, letter: Letter, number: int, drop: drops.Job) -> Fact:
        kind: Literal["repair", "idea"] = "idea" if isinstance(drop, Idea) else "repair"
        return e.JobAccepted(
            source=letter.source,
            entry=number,
            job=f"{kind[0]}-{self.state.views.jobs.accepted + 1:06d}",
            kind=kind,
            project=_project(drop),
            title=_title(drop),
            drop=drop,
            priority=drop.priority,
        )

    def _reported(self, letter: Letter, number: int, report: ErrorReport) -> Fact:
        message = "\n".join(filter(None, (report.message, report.traceback)))
        if report.repo:
            repair = Repair(
                repo=report.repo, tests=report.tests, project=report.project, problem=message, priority=report.priority
            )
            return self._accepted(letter, number, repair)
        name, _ = signature.of(message)
        first_line = message.strip().partition("\n")[0]
        return e.ErrorReported(
            source=letter.source, entry=number, project=report.project, signature=name, message=first_line
        )

    async def _reopened(self, letter: Letter, number: int, retry: Retry) -> Fact:
        jobs = self.state.views.jobs
        if retry.job in jobs.open:
            if retry.cancel:
                return e.CancelAsked(source=letter.source, entry=number, job=retry.job)
            remedy = 'wait until it has settled, or drop it with "cancel": true first'
            raise Unfit("job", "a settled job", f"{retry.job}, which is still open", remedy)
        job = jobs.settled.get(retry.job)
        if job is None and int(retry.job[2:]) <= jobs.accepted:
            job = await run_sync(find_settled, self.state.folder / "log", retry.job)
        if job is None:
            raise Unfit(
                "job", "a job that exists", retry.job, "look its number up in state/views/jobs.json or state/results/"
            )
        if retry.cancel:
            raise Unfit("cancel", "an open job", f"{retry.job}, which has settled as {job.outcome}", "leave it settled")
        return e.JobReopened(
            source=letter.source,
            entry=number,
            job=job.id,
            kind=job.kind,
            project=job.project,
            title=job.title,
            drop=job.drop,
            runs_before=job.runs_before + len(job.runs),
            priority=job.priority,
            rung=retry.rung,
            hint=retry.hint,
        )

    # Clearing away

    def _clear_away(self, letters: list[Letter]) -> list[Letter]:
        """Remove what was taken in, move the rest to rejected/; return what could not be moved or removed."""
        return [letter for letter in letters if not self._clear(letter)]

    def _clear(self, letter: Letter) -> bool:
        try:
            if _seen(os.lstat(letter.path)) != letter.seen:
                return True  # somebody wrote into it after it was read: it is a new drop
            if any(isinstance(entry.read, Unfit) for entry in letter.entries):
                _reject(letter, self.queue / "rejected")
            else:
                letter.path.unlink()
        except FileNotFoundError:
            return True
        except OSError as error:
            logger.warning("cannot_clear_drop", path=str(letter.path), error=str(error), remedy="intake waits for it")
            return False
        return True

    def _make_folders(self) -> list[int]:
        """Make sure that all folders are there; return what identifies the inlets."""
        for folder in FOLDERS:
            (self.queue / folder).mkdir(parents=True, exist_ok=True)
        return [(self.queue / inlet).stat().st_ino for inlet in INLETS]


def open_letter(path: Path, inlet: str, settings: Settings, now: float) -> Letter:
    """Read a file in an inlet; `NotYet` where it may still be being written."""
    status = os.lstat(path)
    letter = Letter(path, inlet, _source(path, status), [], _seen(status))
    age_s = now - status.st_mtime
    is_young = 0 <= age_s < settings.half_written_s
    try:
        data = _read(path, status, settings.drop_max_bytes)
        letter.source = _source(path, status, data)
        values = parse(data, Limits(settings.drop_max_entries, settings.drop_max_depth))
    except Unfit as unfit:
        if is_young and stat.S_ISREG(status.st_mode):
            raise NotYet from None
        letter.entries = [Entry(None, unfit)]
        return letter
    is_lines = path.suffix in LINE_SUFFIXES or (len(values) > 1 and not data.lstrip().startswith(b"["))
    if is_lines and is_young:
        raise NotYet  # more of them may come
    letter.entries = [Entry(value, _as_drop(inlet, value)) for value in values]
    return letter


def _as_drop(inlet: str, value: object) -> Drop | Unfit:
    try:
        return drops.read(inlet, value)
    except Unfit as unfit:
        return unfit


def _read(path: Path, status: os.stat_result, most: int) -> bytes:
    kind = KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is not None:
        raise Unfit("file", "a regular file", kind, "drop the file itself")
    if status.st_size > most:
        raise Unfit("file", f"at most {most} bytes (drop_max_bytes)", f"{status.st_size} bytes", "split it")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(most + 1)[:most]
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unfit(
            "file", "a file that can be read", error.strerror or str(error), "chmod it, and drop it again"
        ) from None


def find_settled(log: Path, job_id: str) -> Job | None:
    """A job that settled so long ago that only the log knows it. Reads all of the log."""
    jobs = Jobs()
    found: Job | None = None
    for facts in Log(log, segment_bytes=1).read():
        for fact in facts:
            fold = FOLD.get(type(fact))
            if fold and (getattr(fact, "job", "") == job_id or isinstance(fact, e.DaemonStarted | e.DaemonStopped)):
                fold(jobs, fact)
                found = jobs.settled.get(job_id, found)
    return found


def _rejected(letter: Letter, number: int, unfit: Unfit) -> Fact:
    return e.DropRejected(
        source=letter.source,
        entry=number,
        inlet=letter.inlet,
        name=_printable(letter.path.name),
        field=unfit.field,
        expected=unfit.expected,
        got=unfit.got,
        remedy=unfit.remedy,
    )


def _reject(letter: Letter, rejected: Path) -> None:
    """Put what could not be accepted into rejected/, first the reasons and then the thing, so that it can be redone."""
    name = _free_name(letter, rejected)
    refused = [(number, entry) for number, entry in enumerate(letter.entries) if isinstance(entry.read, Unfit)]
    why = {
        "name": _printable(letter.path.name),
        "inlet": letter.inlet,
        "source": letter.source,
        "accepted": len(letter.entries) - len(refused),
        "problems": [
            {
                "entry": number,
                "field": entry.read.field,
                "expected": entry.read.expected,
                "got": entry.read.got,
                "remedy": entry.read.remedy,
            }
            for number, entry in refused
            if isinstance(entry.read, Unfit)
        ],
    }
    write_whole(
        rejected / f"{name}.why.json", orjson.dumps(why, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )
    if len(refused) == len(letter.entries):
        letter.path.rename(rejected / name)
    else:
        write_whole(rejected / name, orjson.dumps([entry.value for _, entry in refused], option=orjson.OPT_INDENT_2))
        letter.path.unlink()


def _free_name(letter: Letter, rejected: Path) -> str:
    """A name in rejected/ that nothing else has, and the same again if this was begun before."""
    wanted = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in letter.path.name)[:NAME_CHARACTERS]
    for number in range(1, 1_000_000):
        name = wanted.lstrip(".") if number == 1 else f"{number}-{wanted}"
        why = rejected / f"{name}.why.json"
        if why.exists():
            if letter.source in why.read_text():
                return name
        elif not os.path.lexists(rejected / name):
            return name
    raise FileExistsError(f"{rejected} is full of drops named {wanted}")


def _names(folder: Path) -> list[str]:
    """The files that lie in an inlet, in a fixed order."""
    with os.scandir(folder) as found:
        return sorted(
            entry.name for entry in found if not entry.name.startswith(".") and not entry.name.endswith(UNFINISHED)
        )


def _source(path: Path, status: os.stat_result, data: bytes = b"") -> str:
    digest = hashlib.blake2b(data, digest_size=8).hexdigest()
    return f"{_printable(path.name)[:NAME_CHARACTERS]}:{status.st_ino}:{status.st_mtime_ns}:{status.st_size}:{digest}"


def _seen(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _printable(name: str) -> str:
    """A file name as text that any log can hold."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)


def _project(drop: drops.Job) -> str:
    if isinstance(drop, Idea):
        return drop.title
    return drop.project or drop.repo.rstrip("/").rpartition("/")[2].removesuffix(".git") or drop.repo


def _title(drop: drops.Job) -> str:
    if isinstance(drop, Idea):
        return drop.title
    return drop.title or f"{_project(drop)}: {drop.tests[0]}" + (
        f" and {len(drop.tests) - 1} more" if drop.tests[1:] else ""
    )


def _free_bytes(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
