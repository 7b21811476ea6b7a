"""The only assembly room: settings → state → world → everybody at work, until it is time to stop."""

import os
import signal
import sys
import time
from pathlib import Path
from random import SystemRandom

import anyio
import structlog
from anyio.to_thread import run_sync

from daemon import __version__
from daemon import events as e
from daemon.blobs import Blobs
from daemon.disk import FAULTS, SyncFailed, sweep
from daemon.effects import real_hands, scripted_hands
from daemon.effects.workshop import Workshop
from daemon.effects.world import World
from daemon.events import Fact
from daemon.exits import Exit, stop_signals
from daemon.holding import Held, hold
from daemon.inlet import Inlet
from daemon.log import Log, LogBroken, NoRoom
from daemon.logbook import open_logbook
from daemon.publisher import Publisher
from daemon.settings import Settings
from daemon.state import ROOM_RETRY_S, State
from daemon.text.shown import many
from daemon.views.ramp import FOLD, Ramps
from daemon.worker import Workers

FOLDERS = (  # of the state, made when they are first needed
    *("log", "blobs", "results", "projects", "names", "views", "keys", "recordings"),
    *("trees", "environments", "workspaces", "run"),
)
LAST_WRITES_S = 10.0  # for the last facts, results and snapshot of a stop
ONCE_FAULTS = 2  # `once` waits for the world once: a model may be busy, a server may be starting
WAITS_TOLD = 100  # different reasons to wait; who has that many reads state/views/queue.json
BRAKE_LOOK_S = 1.0
IDLE_LOOK_S = 0.05  # how often `once` looks whether everything has settled

logger = structlog.get_logger("app")


class Clock:
    """The real one."""

    now = staticmethod(time.time)
    sleep = staticmethod(anyio.sleep)


def main(settings: Settings, *, once: bool = False, parent: int | None = None, since: float = 0.0) -> Exit:
    """Hold the state and work on it until the end. `parent` is a pipe that closes when the supervisor is gone.

    `since` is when the supervisor began: what `once` says at its end includes the lives before this one.
    """
    if problem := in_the_way(settings):
        print(f"mendd: {problem}", file=sys.stderr)
        return Exit.STAY_DOWN
    folder = Path(settings.state_dir)
    try:
        lock = hold(folder)
    except Held as held:
        print(f"mendd: {held}", file=sys.stderr)
        return Exit.HELD
    except OSError as error:
        if error.errno in FAULTS:
            raise
        told = f"state_dir = {settings.state_dir!r} cannot be used: {error}; name a folder of yours"
        print(f"mendd: {told}", file=sys.stderr)
        return Exit.STAY_DOWN
    open_logbook(folder / "run")
    try:
        return anyio.run(_live, settings, once, parent, since)
    except Exception as error:  # noqa: BLE001  the last line of defence tells what it was
        return _told(error)
    finally:
        os.close(lock)


async def _live(settings: Settings, once: bool, parent: int | None, since: float) -> Exit:  # noqa: FBT001  by place
    return await Daemon(settings).live(once=once, parent=parent, since=since)


class Daemon:
    """One life of the daemon."""

    def __init__(self, settings: Settings) -> None:
        folder = Path(settings.state_dir)
        self.settings = settings
        self.state = State(folder, settings)
        blobs = Blobs(folder / "blobs")
        is_real = settings.world == "real"
        self.shop = Workshop(settings, os.environ, lambda: list(self.state.views.jobs.open)) if is_real else None
        hands = real_hands(self.shop) if self.shop else scripted_hands()
        world = World(settings, Clock(), SystemRandom(), blobs, folder / "workspaces", hands)
        self.publisher = Publisher(self.state, blobs)
        self.workers = Workers(self.state, world)
        self.inlet = Inlet(Path(settings.queue_dir), self.state)
        self._intake = anyio.CancelScope()
        self._crew_left = anyio.Event()
        self._stop = anyio.Event()
        self._reason = ""
        self._told: set[str] = set()  # what had to be waited for
        self._fell_short = 0  # what ended short of what was asked, for `once`

    async def live(self, *, once: bool, parent: int | None, since: float) -> Exit:
        """From catching up to the clean stop."""
        async with anyio.create_task_group() as everybody:
            everybody.start_soon(self._beat)
            everybody.start_soon(self._stop_on_signal)
            await self._catch_up()
            self._fell_short = await run_sync(fell_short, self.state, since) if since else 0
            for ends in (e.JobSettled, e.RampSettled, e.DropRejected):
                self.state.listen(ends, self._count)
            self.state.listen(e.DropRejected, self._tell_rejected)
            self.state.listen(e.RunParked, self._tell_parked)
            everybody.start_soon(self.state.keep)
            await self.state.record(e.DaemonStarted(pid=os.getpid(), version=__version__))
            self._tell_ready()
            await self._look_at_the_brake()
            if self.shop:
                everybody.start_soon(self.shop.look_round)
            everybody.start_soon(self.publisher.follow)
            everybody.start_soon(self.workers.decide)
            everybody.start_soon(self.workers.watch_the_clock)
            everybody.start_soon(self._heed_the_brake)
            everybody.start_soon(self._crew)
            everybody.start_soon(self._take_in)
            if parent is not None:
                everybody.start_soon(self._stop_with_parent, parent)
            if once:
                everybody.start_soon(self._stop_when_settled)
            await self._stop.wait()
            is_clean = await self._wind_up()
            everybody.cancel_scope.cancel()
        self.state.close()
        if once and not is_clean:
            return Exit.CRASHED  # what was settled may not be on the disk: nothing to rely on yet
        is_all = not (self._fell_short or self.state.views.jobs.open or self.inlet.beyond)
        return Exit.DONE if is_all or not once else Exit.NOT_ALL_CERTIFIED

    async def _catch_up(self) -> None:
        """Come to the present; a torn end can only be kept aside where there is room for it."""
        while True:
            try:
                await run_sync(self.state.catch_up)  # a long log takes its time, and the heart has to beat
            except NoRoom as error:
                logger.critical("no_room_to_start", error=str(error), remedy=f"make room for {self.state.folder}")
                await anyio.sleep(ROOM_RETRY_S)
            else:
                break
        ours = self.state.folder
        for folder in (ours, ours / "views", ours / "keys", ours / "blobs", self.inlet.queue / "rejected"):
            sweep(folder)  # the same is written again there, or another copy of a key was
        if self.shop:
            await self.shop.sweep()

    async def _wind_up(self) -> bool:
        """Put everything down between two steps, and leave a note for the next life; and whether all is on the disk."""
        self._intake.cancel()
        self.workers.drain()
        with anyio.move_on_after(self.settings.drain_s):
            await self._crew_left.wait()
        self.workers.drop_everything()
        with anyio.move_on_after(LAST_WRITES_S) as scope:
            await self._crew_left.wait()
            await self.state.record(e.DaemonStopped(reason=self._reason))
            await self.publisher.publish(last=True)
        is_clean = not scope.cancelled_caught and self.publisher.is_up_to_date
        logger.info("stopped", reason=self._reason, clean=is_clean)
        return is_clean

    async def _crew(self) -> None:
        async with anyio.create_task_group() as crew:
            for number in range(1, self.settings.workers + 1):
                crew.start_soon(self.workers.work, f"w{number}")
        self._crew_left.set()

    async def _take_in(self) -> None:
        with self._intake:
            async with anyio.create_task_group() as both:
                both.start_soon(self.inlet.listen)
                both.start_soon(self.inlet.follow)

    async def _heed_the_brake(self) -> None:
        while True:
            await anyio.sleep(BRAKE_LOOK_S)
            await self._look_at_the_brake()

    async def _look_at_the_brake(self) -> None:
        """Take up no run while there is a file `pause` in the queue, or while these are quiet hours."""
        reason = await run_sync(brake, self.inlet.queue / "pause", self.settings.quiet_hours, time.localtime())
        if reason != self.state.views.queue.held:
            self.state.note(e.WorkPaused(reason=reason) if reason else e.WorkResumed())
            logger.info("paused" if reason else "resumed", why=reason)

    # Reasons to stop

    def stop(self, reason: str) -> None:
        """Wind up and end."""
        self._reason = self._reason or reason
        self._stop.set()

    async def _stop_on_signal(self) -> None:
        with anyio.open_signal_receiver(*stop_signals()) as signals:
            async for number in signals:
                self.stop(signal.Signals(number).name)

    async def _stop_with_parent(self, parent: int) -> None:
        await anyio.wait_readable(parent)
        self.stop("the supervisor is gone")

    async def _stop_when_settled(self) -> None:
        inlet = self.inlet
        while not ((inlet.empty or inlet.beyond) and self._only_waits()):  # noqa: ASYNC110  conditions, and no hurry
            await anyio.sleep(IDLE_LOOK_S)
        if inlet.beyond:
            self.stop(f"out of reach: {', '.join(inlet.beyond)}; start again when that can be looked into")
        elif left := len(self.state.views.jobs.open):
            self.stop(f"waiting for the world: {many(left, 'job')}; start again when it is back")
        else:
            self.stop("everything has settled")

    def _only_waits(self) -> bool:
        """Whether all jobs are over, or wait for something that has failed them more than once."""
        views = self.state.views
        if views.queue.running:
            return False
        if views.queue.held and "queue" in self.inlet.beyond:
            return True  # nobody can see whether the brake is on
        if views.queue.ready:
            return False
        if views.ramp.under_way() and not views.jobs.open:
            return False  # the clerk is about to go on with it
        runs = [job.open_runs() for job in views.jobs.open.values() if not job.is_held()]
        if views.jobs.open and not runs:
            return False  # all wait for the health of their phase, and it is known
        return all(each and all(run.fault and run.faults >= ONCE_FAULTS for run in each) for each in runs)

    # Signs of life

    async def _beat(self) -> None:
        heartbeat = self.state.folder / "run" / "heartbeat"
        heartbeat.touch()
        while True:
            os.utime(heartbeat)  # needs no room, so a full disk does not look like a dead daemon
            await anyio.sleep(self.settings.heartbeat_every_s)

    def _tell_ready(self) -> None:
        jobs = self.state.views.jobs
        drop_into = f"{self.inlet.queue}/ideas"
        logger.info(
            "ready",
            drop_into=drop_into,
            workers=self.settings.workers,
            world=self.settings.world,
            open_jobs=len(jobs.open),
        )

    def _count(self, fact: Fact) -> None:
        self._fell_short += is_short(fact, self.state.views.ramp)

    def _tell_rejected(self, fact: e.DropRejected) -> None:
        problem = f"{fact.field}: expected {fact.expected}, got {fact.got}"
        logger.warning("drop_rejected", name=fact.name, entry=fact.entry, problem=problem, remedy=fact.remedy)

    def _tell_parked(self, fact: e.RunParked) -> None:
        """Say what is waited for, each reason once."""
        if fact.fault not in self._told and len(self._told) < WAITS_TOLD:
            self._told.add(fact.fault)
            logger.warning("waiting", job=fact.job, why=fact.fault)


def in_the_way(settings: Settings) -> str:
    """What stands where a folder of ours belongs, and what to do about it; empty where nothing does."""
    if os.path.isfile(settings.queue_dir):  # noqa: PTH113  a Path raises where the folder above cannot be entered
        return f"queue_dir = {settings.queue_dir!r} is no folder: name another one"
    for place in (f"{settings.state_dir}/{name}" for name in FOLDERS):
        if os.path.lexists(place) and not os.path.isdir(place):  # noqa: PTH112  the same
            return f"{place} is no folder, and what belongs there is in one: move it away"
    return ""


def brake(file: Path, quiet_hours: str, now: time.struct_time) -> str:
    """Why no run may be taken up now; empty when they may. A brake that nobody can see may well be on."""
    try:
        if file.exists():
            return f"{file} is there; remove it to go on"
    except OSError as error:
        return f"nobody can see whether {file} is there: {error.strerror}; let the daemon enter that folder"
    begin, _, end = quiet_hours.partition("-")
    clock = f"{now.tm_hour:02}:{now.tm_min:02}"
    is_quiet = begin <= clock < end if begin <= end else clock >= begin or clock < end
    return f"quiet hours until {end}" if quiet_hours and is_quiet else ""


def is_short(fact: Fact, ramps: Ramps) -> bool:
    """Whether something ended short of what was asked. A ramp counts by its own end: its targets say what may lack."""
    match fact:
        case e.JobSettled():
            return fact.outcome != "certified" and not ramps.is_climbing(fact.job)
        case e.RampSettled():
            return fact.outcome != "reached"
        case _:
            return isinstance(fact, e.DropRejected)


def fell_short(state: State, since: float) -> int:
    """What ended short in the lives of the daemon since then; there may have been none."""
    if not any(life.started_at >= since for life in state.views.health.lives):
        return 0
    ramps, short = Ramps(), 0
    for fact in (fact for facts in Log(state.folder / "log", segment_bytes=1).read() for fact in facts):
        if fold := FOLD.get(type(fact)):
            fold(ramps, fact)
        short += fact.at >= since and is_short(fact, ramps)
    return short


def _told(error: BaseException) -> Exit:
    """Say what ended this life, and what the supervisor shall make of it."""
    if isinstance(error, BaseExceptionGroup):
        return max((_told(part) for part in error.exceptions), default=Exit.CRASHED)
    if isinstance(error, LogBroken):
        logger.critical(
            "log_broken", error=str(error), remedy="look with `python -m daemon check`; nothing was changed"
        )
        return Exit.STAY_DOWN
    if isinstance(error, SyncFailed):
        logger.critical("disk_failed", error=str(error), remedy="see what the kernel says of the disk")
        return Exit.DISK_FAILED
    logger.critical("crashed", exc_info=error)
    return Exit.CRASHED
