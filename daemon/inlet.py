"""queue/ → facts. The folders are the interface: what lies in an inlet is not accepted yet, an empty inlet is.

A drop is recorded durably, and only then removed. If the daemon dies in between, the file is known by its source when
it is seen again: never lost, never taken twice. The doorbell only says that it may be worth looking; looking is what
counts, at every ring and every few seconds regardless.
"""

import os
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import anyio
import msgspec
import structlog
from anyio.lowlevel import checkpoint
from anyio.to_thread import run_sync

from daemon import events as e
from daemon.admission import fact_of
from daemon.blobs import Blobs
from daemon.disk import ROOM_ERRORS
from daemon.doorbell import rings
from daemon.drops import INLETS, Course, Retry, Unfit
from daemon.letter import Letter, NotYet, open_letter, reject, seen
from daemon.log import Log
from daemon.state import State
from daemon.views.jobs import FOLD, Job, Jobs

FOLDERS = (*INLETS, "rejected", "tmp")
UNFINISHED = (".tmp", ".part")  # with dotfiles: names that say themselves that they are not ready
DOORBELL_RETRY_S = 0.1
CLEARED_AT_ONCE = 16
SLOW_CLEARING_S = 0.02  # for so many: longer, and everybody else would notice

logger = structlog.get_logger("inlet")


class Inlet:
    """Takes in what lies in the inlets."""

    def __init__(self, queue: Path, state: State) -> None:
        self.queue = queue
        self.state = state
        self.empty = False  # whether the last look left nothing behind
        self.beyond: list[str] = []  # the folders out of reach, where the last look left nothing behind but there
        self._rung = anyio.Event()
        self._listening = anyio.CancelScope()
        self._watched: list[int] = []
        self._out_of_reach: dict[str, str] = {}  # which folders cannot be looked at, and why
        self._stuck: list[Letter] = []  # done with, and not to be removed for now
        self._disk_is_slow = False
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
            self.empty, self.beyond = False, ["queue"] if "queue" in self._out_of_reach else []
            return
        self._out_of_reach.pop("queue", None)
        self._stuck = await self._clear_away(self._stuck)
        stuck = {letter.path for letter in self._stuck}
        left = any(letter.accepted() for letter in self._stuck)
        await self._may_take_in()  # so that a change is told even if nothing lies there
        for inlet in INLETS:
            try:
                left |= await self._take_all(inlet, stuck)
            except OSError as error:  # one inlet out of reach does not stop the others
                self._tell_out_of_reach(inlet, error)
                left |= inlet not in self._out_of_reach
            else:
                self._out_of_reach.pop(inlet, None)
        self.empty = not (left or self._out_of_reach)
        self.beyond = [] if left else list(self._out_of_reach)

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
            is_full = error.errno in ROOM_ERRORS
            remedy = "make room" if is_full else "let the daemon read, write and enter that folder; the others go on"
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
                self.state.note(fact_of(self.state.views, letter, number, entry, recalled))
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

    # Clearing away

    async def _clear_away(self, letters: list[Letter]) -> list[Letter]:
        """Remove what was taken in, move the rest to rejected/; return what could not be moved or removed.

        In the loop, a few at a time, unless the disk is slow: there it cannot meet a sync of the log, and beside one
        a removal takes four times as long.
        """
        stuck = list[Letter]()
        for place in range(0, len(letters), CLEARED_AT_ONCE):
            some, began = letters[place : place + CLEARED_AT_ONCE], time.perf_counter()
            if self._disk_is_slow or any(letter.refused() for letter in some):
                stuck += await run_sync(self._clear_some, some)
            else:
                stuck += self._clear_some(some)
                await checkpoint()
            self._disk_is_slow = time.perf_counter() - began > SLOW_CLEARING_S
        return stuck

    def _clear_some(self, letters: list[Letter]) -> list[Letter]:
        return [letter for letter in letters if not self._clear(letter)]

    def _clear(self, letter: Letter) -> bool:
        try:
            if seen(os.lstat(letter.path)) != letter.seen:
                return True  # somebody wrote into it after it was read: it is a new drop
            if letter.refused():
                reject(letter, self.queue / "rejected")
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


def _names(folder: Path, but: set[Path]) -> deque[str]:
    """The files that lie in an inlet, in a fixed order."""
    left_out = {path.name for path in but if path.parent == folder}
    try:
        with os.scandir(folder) as found:
            names = [entry.name for entry in found if entry.name not in left_out]
    except FileNotFoundError:  # removed just now; the next look makes it anew
        return deque()
    return deque(sorted(name for name in names if not name.startswith(".") and not name.endswith(UNFINISHED)))


def _free_bytes(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
