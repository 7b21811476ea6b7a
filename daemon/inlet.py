"""queue/ → facts. The folders are the interface: what lies in an inlet is not accepted yet, an empty inlet is.

A drop is recorded durably, and only then removed. If the daemon dies in between, the file is known by its source when
it is seen again: never lost, never taken twice. The doorbell only says that it may be worth looking; looking is what
counts, at every ring and every few seconds regardless.
"""

import hashlib
import os
import stat
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Literal

import anyio
import msgspec
import orjson
import structlog
from anyio.to_thread import run_sync
from msgspec import Struct

from daemon import drops
from daemon import events as e
from daemon.blobs import Blobs
from daemon.disk import write_whole
from daemon.doorbell import rings
from daemon.drops import INLETS, Course, Drop, ErrorReport, Idea, Repair, Retry, Unfit
from daemon.events import Fact
from daemon.log import Log
from daemon.settings import Settings
from daemon.state import State
from daemon.text import signature
from daemon.text.entries import Limits, join, parse
from daemon.views.jobs import FOLD, Job, Jobs

FOLDERS = (*INLETS, "rejected", "tmp")
UNFINISHED = (".tmp", ".part")  # with dotfiles: names that say themselves that they are not ready
LINE_SUFFIXES = (".jsonl", ".ndjson")
DOORBELL_RETRY_S = 0.1
WHY = ".why.json"
NAME_BYTES = 120  # of the dropped name in that in rejected/: room for what is put before and behind it
MESSAGE_CHARACTERS = 300
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


class Inlet:
    """Takes in what lies in the inlets."""

    def __init__(self, queue: Path, state: State) -> None:
        self.queue = queue
        self.state = state
        self.empty = False  # whether the last look left nothing behind
        self._rung = anyio.Event()
        self._listening = anyio.CancelScope()
        self._watched: list[int] = []
        self._out_of_reach: dict[str, str] = {}  # which folders cannot be looked at, and why
        self._stuck: list[Letter] = []  # done with, and not to be removed for now
        self._blobs = Blobs(state.folder / "blobs")

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
        reason = ""
        while True:
            with anyio.CancelScope() as self._listening:
                try:
                    self._watched = self._make_folders()
                    self._rung.set()
                    async for _ in rings([self.queue / inlet for inlet in INLETS]):
                        self._rung.set()
                except* (OSError, RuntimeError) as errors:  # the folders are just removed, a name there is no text …
                    error = errors.exceptions[0]
                    if str(error) != reason:
                        reason = str(error)
                        logger.info(
                            "doorbell_hung_anew", reason=reason, remedy="none needed: scanning goes on regardless"
                        )
                    self._rung.set()
                    await anyio.sleep(DOORBELL_RETRY_S)

    async def look(self) -> None:
        """Take in everything that lies there now."""
        try:
            if self._make_folders() != self._watched:
                self._listening.cancel()  # a folder was made anew, and the doorbell hangs on the old one
        except OSError as error:  # somebody is just removing them, or something stands in their place
            self._tell_out_of_reach("queue", error)
            self.empty = False
            return
        self._stuck = await self._clear_away(self._stuck)
        stuck = {letter.path for letter in self._stuck}
        left = any(letter.accepted() for letter in self._stuck)
        await self._may_take_in()  # so that a change is told even if nothing lies there
        for inlet in INLETS:
            try:
                left |= await self._take_all(inlet, stuck)
            except OSError as error:  # one inlet out of reach does not stop the others
                self._tell_out_of_reach(inlet, error)
                left = True
            else:
                self._out_of_reach.pop(inlet, None)
        self.empty = not left

    async def _take_all(self, inlet: str, stuck: set[Path]) -> bool:
        """Take in what lies in one inlet; return whether any of it was left lying."""
        names, left = _names(self.queue / inlet, stuck), False
        while names:
            if not await self._may_take_in():
                return True
            left |= await self._take_batch(inlet, names)
        return left

    def _tell_out_of_reach(self, place: str, error: OSError) -> None:
        """Say once what keeps a folder from being looked at; who removes it for a moment is not worth a word."""
        if not isinstance(error, FileNotFoundError) and self._out_of_reach.get(place) != str(error):
            self._out_of_reach[place] = str(error)
            remedy = "let the daemon read, write and enter that folder; the others go on"
            logger.warning("inlet_out_of_reach", place=place, error=str(error), remedy=remedy)

    async def _take_batch(self, inlet: str, names: deque[str]) -> bool:
        """Take in the first of these files; return whether any of them was left lying."""
        letters, left = await run_sync(self._open_some, inlet, names)
        await self._recall_refusals(letters)
        recalled = await self._recall(letters)
        await self._keep_courses(letters)
        for letter in letters:
            done = self.state.views.jobs.sources.get(letter.source, 0)
            for number, entry in enumerate(letter.entries[done:], done):
                self.state.note(self._fact(letter, number, entry, recalled))
        await self.state.durable()
        self._stuck += await self._clear_away(letters)
        return left

    async def _may_take_in(self) -> bool:
        """Whether there is room for what a drop leads to, and no doubt what was taken; tells when that changes."""
        if self.state.obstructed:
            return False  # a fact about it would have to wait as well
        reason, remedy = await self._obstacle()
        paused = self.state.views.queue.paused
        if reason and not paused:
            logger.warning("intake_paused", reason=reason, remedy=f"{remedy}; intake goes on by itself")
            await self.state.record(e.IntakePaused(reason=reason))
        elif paused and not reason:
            logger.info("intake_resumed")
            await self.state.record(e.IntakeResumed())
        return not reason

    async def _obstacle(self) -> tuple[str, str]:
        """Why nothing can be taken in, and the remedy."""
        for letter in self._stuck:
            if letter.accepted():  # its source is remembered only as long as not too many others come
                return f"{letter.path} was accepted and cannot be removed: {letter.trouble}", "remove it"
        free = _free_bytes(self.state.folder)
        if free < self.state.settings.min_free_bytes:
            return f"{free // 2**20} MiB are free for {self.state.folder}, min_free_bytes asks for more", "make room"
        return "", ""

    # Reading

    def _open_some(self, inlet: str, names: deque[str]) -> tuple[list[Letter], bool]:
        """Open the first of these files, as many as memory is meant for; and whether one was too young. Blocks."""
        settings, letters, size, left = self.state.settings, list[Letter](), 0, False
        folder = self.queue / inlet
        while names and len(letters) < settings.intake_batch and size < settings.drop_max_bytes:
            try:
                letter = open_letter(folder / names.popleft(), inlet, settings, self.state.now())
            except NotYet:
                left = True
            except FileNotFoundError:  # taken back
                continue
            else:
                letters.append(letter)
                size += letter.seen[2]
        return letters, left

    async def _recall(self, letters: list[Letter]) -> dict[str, Job]:
        """The jobs to be opened again that settled so long ago that only the log knows them."""
        jobs, recalled, asked = self.state.views.jobs, dict[str, Job](), set[str]()
        wanted = {entry.read.job for letter in letters for entry in letter.entries if isinstance(entry.read, Retry)}
        there = {job for job in wanted if job[0] != "m" and int(job[2:]) <= jobs.accepted}
        while unknown := there - jobs.open.keys() - jobs.settled.keys() - asked:
            await self.state.durable()
            recalled |= await run_sync(find_settled, self.state.folder / "log", unknown, self.state.seq)
            asked |= unknown
        return recalled

    async def _recall_refusals(self, letters: list[Letter]) -> None:
        """Which retries a former life refused, for what it knew then, and did not come to put into rejected/."""
        sources = self.state.views.jobs.sources
        again = {letter.source: letter for letter in letters if letter.inlet == "retries" and letter.source in sources}
        if again:
            await self.state.durable()
            for fact in await run_sync(find_refused, self.state.folder / "log", set(again), self.state.seq):
                for entry in again[fact.source].entries[fact.entry : fact.entry + 1]:
                    entry.read = Unfit(fact.field, fact.expected, fact.got, fact.remedy)

    async def _keep_courses(self, letters: list[Letter]) -> None:
        """The instances of each ramp as a blob, kept before anything tells of it."""
        for entry in (entry for letter in letters for entry in letter.entries):
            if isinstance(entry.read, Course):
                entry.blob = await run_sync(self._blobs.put, msgspec.json.encode(entry.read.repairs))

    # Facts

    def _fact(self, letter: Letter, number: int, entry: Entry, recalled: dict[str, Job]) -> Fact:
        """What an entry leads to."""
        try:
            match entry.read:
                case Repair() | Idea():
                    return self._accepted(letter, number, entry.read)
                case Course():
                    return self._ramped(letter, number, entry.read, entry.blob)
                case ErrorReport():
                    return self._reported(letter, number, entry.read)
                case Retry():
                    return self._reopened(letter, number, entry.read, recalled)
                case Unfit():
                    return _rejected(letter, number, entry.read)
        except Unfit as unfit:
            entry.read = unfit
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

    def _ramped(self, letter: Letter, number: int, course: Course, blob: str) -> Fact:
        return e.RampAccepted(
            source=letter.source,
            entry=number,
            ramp=f"m-{self.state.views.ramp.accepted + 1:06d}",
            title=course.title,
            blob=blob,
            instances=list(course.repairs),
            phases=course.phases,
            targets=course.targets,
            gold_check=course.gold_check,
        )

    def _resumed(self, letter: Letter, number: int, retry: Retry) -> Fact:
        """A ramp that was over goes on with what failed, or with one instance; or it is given up."""
        ramp = self.state.views.ramp.ramps.get(retry.job)
        if ramp is None:
            raise Unfit("job", "a ramp that is remembered", retry.job, "look in state/views/ramp.json, or drop it anew")
        if retry.rung or retry.hint:
            field = "rung" if retry.rung else "hint"
            raise Unfit(field, "nothing, for a ramp", "something", "retry one of its jobs, such as r-000001, with that")
        if retry.cancel and ramp.settled is None:
            return e.CancelAsked(source=letter.source, entry=number, job=ramp.id)
        if retry.cancel or ramp.settled is None:
            field, wanted = ("cancel", "a ramp under way") if retry.cancel else ("job", "a ramp that is over")
            remedy = "there is nothing to cancel" if retry.cancel else 'wait for its end, or give it up: "cancel": true'
            raise Unfit(
                field, wanted, f"{ramp.id}, which is {ramp.settled.outcome if ramp.settled else 'open'}", remedy
            )
        again = [retry.instance] if retry.instance else ramp.unsolved()
        if retry.instance and not (retry.instance in ramp.instances and ramp.instances[retry.instance].job):
            remedy = f"`python -m daemon explain {ramp.id}` names them all"
            raise Unfit("instance", "an instance that the ramp has come to", retry.instance, remedy)
        if not again and ramp.settled.outcome == "reached":
            raise Unfit("job", "a ramp in which something failed", ramp.id, "name one of its instances to run it again")
        return e.RampReopened(source=letter.source, entry=number, ramp=ramp.id, instances=again)

    def _reported(self, letter: Letter, number: int, report: ErrorReport) -> Fact:
        message = "\n".join(filter(None, (report.message, report.traceback)))
        if report.repo:
            repair = Repair(
                repo=report.repo, tests=report.tests, project=report.project, problem=message, priority=report.priority
            )
            return self._accepted(letter, number, repair)
        name, _ = signature.of(message)
        lines = report.message.strip().splitlines()[:1] or report.traceback.strip().splitlines()[-1:]
        return e.ErrorReported(
            source=letter.source,
            entry=number,
            project=report.project,
            signature=name,
            message=lines[0][:MESSAGE_CHARACTERS],
        )

    def _reopened(self, letter: Letter, number: int, retry: Retry, recalled: dict[str, Job]) -> Fact:
        jobs = self.state.views.jobs
        if retry.job.startswith("m"):
            return self._resumed(letter, number, retry)
        if retry.instance:
            raise Unfit(
                "instance", "a ramp in job, where instance is given", retry.job, "write job: m-000001, or leave"
            )
        if retry.job in jobs.open:
            if retry.cancel:
                return e.CancelAsked(source=letter.source, entry=number, job=retry.job)
            remedy = 'wait until it has settled, or give it up first: the same with "cancel": true'
            raise Unfit("job", "a settled job", f"{retry.job}, which is still open", remedy)
        job = jobs.settled.get(retry.job) or recalled.get(retry.job)
        if job is None:
            remedy = "look its id up in state/results/ or in state/views/jobs.json"
            raise Unfit("job", "a job that exists", f"{retry.job}, which does not", remedy)
        if retry.cancel:
            remedy = "there is nothing left to cancel: delete this drop"
            raise Unfit("cancel", "an open job", f"{retry.job}, which has settled as {job.outcome}", remedy)
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
            ramp=job.ramp,
            instance=job.instance,
        )

    # Clearing away

    async def _clear_away(self, letters: list[Letter]) -> list[Letter]:
        """Remove what was taken in, move the rest to rejected/; return what could not be moved or removed."""
        return await run_sync(lambda: [letter for letter in letters if not self._clear(letter)]) if letters else []

    def _clear(self, letter: Letter) -> bool:
        try:
            if _seen(os.lstat(letter.path)) != letter.seen:
                return True  # somebody wrote into it after it was read: it is a new drop
            if letter.refused():
                _reject(letter, self.queue / "rejected")
            else:
                letter.path.unlink()
        except FileNotFoundError:
            return True
        except OSError as error:
            if str(error) != letter.trouble:
                remedy = "remove it, or let the daemon do it: it needs to write in that folder"
                logger.warning("cannot_clear_drop", path=str(letter.path), error=str(error), remedy=remedy)
            letter.trouble = str(error)
            return False
        return True

    def _make_folders(self) -> list[int]:
        """Make sure that all folders are there; return what identifies the inlets."""
        for folder in FOLDERS:
            with suppress(FileExistsError):  # something else stands there: whoever looks into it will tell
                (self.queue / folder).mkdir(parents=True, exist_ok=True)
        return [(self.queue / inlet).stat().st_ino for inlet in INLETS]


def open_letter(path: Path, inlet: str, settings: Settings, now: float) -> Letter:
    """Read a file in an inlet; `NotYet` where it may still be being written."""
    status = os.lstat(path)
    letter = Letter(path, inlet, _source(path, status), [], _seen(status))
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
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(min(status.st_size, most) + 1)  # not `most`: that would be a big buffer for each file
    except FileNotFoundError:
        raise
    except OSError as error:
        got = f"one that the daemon cannot open: {error.strerror or error}"
        remedy = f"let uid {os.geteuid()} read it (chmod a+r), and drop it again"
        raise Unfit("file", "a file that can be read", got, remedy) from None
    if len(data) > most:
        raise _too_large(status, most)
    return data


def _too_large(status: os.stat_result, most: int) -> Unfit:
    expected = f"at most {most} bytes (drop_max_bytes)"
    return Unfit("file", expected, f"{status.st_size} bytes", "split it, or raise that setting")


def find_settled(log: Path, wanted: set[str], until: int) -> dict[str, Job]:
    """Jobs that only the log knows, as they settled last. Reads all of it, up to a fact that is durable."""
    jobs, found = Jobs(), dict[str, Job]()
    for facts in Log(log, segment_bytes=1).read():
        for fact in facts:
            fold, job = FOLD.get(type(fact)), getattr(fact, "job", "")
            if fold and (job in wanted or isinstance(fact, e.DaemonStarted | e.DaemonStopped)):
                fold(jobs, fact)
                if isinstance(fact, e.JobSettled):
                    found[job] = jobs.settled[job]
        if facts[-1].seq >= until:
            break  # what follows is still being written
    return found


def find_refused(log: Path, sources: set[str], until: int) -> list[e.DropRejected]:
    """What was refused of these files. Reads all of the log, up to a fact that is durable."""
    found = []
    for facts in Log(log, segment_bytes=1).read():
        found += [fact for fact in facts if isinstance(fact, e.DropRejected) and fact.source in sources]
        if facts[-1].seq >= until:
            break  # what follows is still being written
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
    name = _rejected_name(letter, rejected)
    refused = letter.refused()
    is_whole = len(refused) == len(letter.entries)
    why = {
        "name": _printable(letter.path.name),
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


def _names(folder: Path, but: set[Path]) -> deque[str]:
    """The files that lie in an inlet, in a fixed order."""
    left_out = {path.name for path in but if path.parent == folder}
    try:
        with os.scandir(folder) as found:
            names = [entry.name for entry in found if entry.name not in left_out]
    except FileNotFoundError:  # removed just now; the next look makes it anew
        return deque()
    return deque(sorted(name for name in names if not name.startswith(".") and not name.endswith(UNFINISHED)))


def _source(path: Path, status: os.stat_result, data: bytes = b"") -> str:
    """What makes a file the same file. The time is that of its coming here (ctime): `cp -p` and `ln` bring the mtime
    along, and an inode number is given to the next file as soon as it is free.
    """
    digest = hashlib.blake2b(data, digest_size=8).hexdigest()
    return f"{_printable(path.name)[:NAME_BYTES]}:{status.st_ino}:{status.st_ctime_ns}:{status.st_size}:{digest}"


def _seen(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _printable(name: str) -> str:
    """A file name as text that any log can hold."""
    if name.isprintable():
        return name
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
