"""The log, and the views folded from it. `note` and `record` are the only doors through which anything happens.

A fact is folded at once and durable soon: whoever awaits `record` goes on only when the disk has confirmed it, and all
who wait share one sync. So a decision sees every fact, and no effect follows from a fact that could be lost, but for
one that would only be prepared again.
"""

import gc
import hashlib
import time
from asyncio import Event, Future, get_running_loop
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import msgspec
import structlog
from anyio.lowlevel import checkpoint
from anyio.to_thread import run_sync
from msgspec import Struct, structs

from daemon import codec, events
from daemon.events import Fact
from daemon.log import Log, LogBroken, NoRoom, Position, Stretch
from daemon.settings import Settings
from daemon.views import Folder, Views

ROOM_RETRY_S = 0.5
SLOW_SYNC_S = 0.005  # longer than this, and everybody else would notice
UNAWAITED_S = 0.02  # for so long may a fact be in memory only that nobody waits for
DIGEST_BYTES = 16
YOUNG_OBJECTS = 20_000  # made before garbage is looked for: thousands wait for one sync, and none of them is garbage
MICROSECONDS = 1_000_000  # in a second: facts tell no finer time

logger = structlog.get_logger("state")


class Snapshot(Struct):
    """The views at a position of the log, for the code that made them."""

    code: str
    position: Position
    views: Views


class State:
    """What the daemon knows. Open it with `catch_up`, keep it with `keep`, change it with `record`."""

    def __init__(self, folder: Path, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.settings = settings
        self.views = Views()
        self.obstructed = ""  # why nothing becomes durable at the moment
        self.now = now
        self._listeners: list[tuple[type[Fact], Callable[[Any], None]]] = []
        self._folder = Folder(self.views)
        self._log = Log(folder / "log", settings.segment_bytes)
        self._disk_is_slow = False
        self._durable = 0
        self._taken = 0  # the last fact that is on its way to the disk, or there
        self._staged, self._awaited = Event(), Event()  # something is, and somebody waits until it is on the disk
        self._for_next_sync: list[Future[None]] = []  # who waits for what is staged now
        self._for_this_sync: list[Future[None]] = []

    @property
    def seq(self) -> int:
        """The number of the last fact."""
        return self._log.seq

    def listen(self, fact_type: type[Fact], listener: Callable[[Any], None]) -> None:
        """Call the listener after each fact of this type, those that `catch_up` reads included."""
        self._listeners.append((fact_type, listener))
        self._folder.listen(fact_type, listener)

    # Opening

    def catch_up(self) -> None:
        """Come to the present: from the snapshot if there is a fitting one, and through the tail of the log."""
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        snapshot = load_snapshot(self.folder / "snapshot")
        try:
            self._fold_from(snapshot)
        except LogBroken as broken:
            if snapshot is None:
                raise
            last = last_fact(self.folder / "log")
            if 0 < last < snapshot.position.seq:  # without any log it was forgotten on purpose
                gone = (
                    f"facts {last + 1} to {snapshot.position.seq} were durable and are gone: restore the log, or delete"
                )
                raise LogBroken(
                    broken.segment, broken.offset, f"{gone} {self.folder / 'snapshot'} to go on without them"
                ) from None
            logger.info("snapshot_does_not_fit", error=str(broken), remedy="none needed: starting from the log alone")
            self._fold_from(None)
        self._durable = self._taken = self.seq
        if torn := self._log.torn:
            logger.warning("log_tail_cut", **structs.asdict(torn))
            self.note(events.TailCut(**structs.asdict(torn)))

    def _fold_from(self, snapshot: Snapshot | None) -> None:
        self.views = snapshot.views if snapshot else Views()
        self._folder = Folder(self.views)
        self._log = Log(self.folder / "log", self.settings.segment_bytes, snapshot.position if snapshot else None)
        for fact_type, listener in self._listeners:
            self._folder.listen(fact_type, listener)
        with garbage_kept():
            for facts in self._log.read(mend=True):
                self._folder.fold(facts)

    # Changing

    async def record(self, *facts: Fact) -> None:
        """Let the facts have happened; return when they are durable."""
        self.note(*facts)
        if (sync := self._sync_to_come()) is not None:
            await sync

    def note(self, *facts: Fact) -> None:
        """Let the facts have happened, in one breath; they become durable soon."""
        at, log = int(self.now() * MICROSECONDS + 0.5) / MICROSECONDS, self._log  # `round` takes four times as long
        for fact in facts:
            placed = structs.replace(fact, seq=log.seq + 1, at=at)
            try:
                log.stage(placed)
            except UnicodeEncodeError:
                log.stage(placed := codec.sayable(placed))
            self._folder.fold((placed,))
        self._staged.set()

    async def durable(self) -> None:
        """Wait until everything that has happened so far is on the disk."""
        if (sync := self._sync_to_come()) is not None:
            await sync

    def _sync_to_come(self) -> Future[None] | None:
        """What to wait for until everything so far is on the disk; None if it is there.

        A future for each who waits: an Event would do, at twice the price, and thousands may wait for a sync.
        """
        seq = self._log.seq
        if self._durable >= seq:
            return None
        future = get_running_loop().create_future()
        if self._taken < seq:
            self._for_next_sync.append(future)
            self._awaited.set()
        else:
            self._for_this_sync.append(future)
        return future

    # Keeping

    async def keep(self) -> None:
        """Bring what is staged to the disk, for as long as the daemon lives."""
        while True:
            await self._staged.wait()
            if not self._awaited.is_set():
                with anyio.move_on_after(UNAWAITED_S):
                    await self._awaited.wait()
            await checkpoint()  # whoever the last sync woke up may join this one
            self._staged.clear()
            self._awaited.clear()
            stretches, self._taken = self._log.take_staged(), self.seq
            self._for_this_sync, self._for_next_sync = self._for_next_sync, []
            await self._write(stretches)
            self._durable = self._taken
            for future in self._for_this_sync:
                if not future.done():  # whoever waited may have been cancelled
                    future.set_result(None)

    async def _write(self, stretches: list[Stretch]) -> None:
        while True:
            try:
                await self._sync(stretches)
            except NoRoom as error:
                if not self.obstructed:
                    logger.critical("no_room_for_the_log", error=str(error), remedy=f"make room for {self.folder}")
                self.obstructed = f"no room for the log: {error}"
                await anyio.sleep(ROOM_RETRY_S)
            else:
                if self.obstructed:
                    logger.info("room_again")
                self.obstructed = ""
                return

    async def _sync(self, stretches: list[Stretch]) -> None:
        """Write where it is fastest: handing over to a thread costs more than a sync takes, unless the disk is slow."""
        began = time.perf_counter()
        if self._disk_is_slow:
            await run_sync(self._log.write, stretches)
        else:
            self._log.write(stretches)
        self._disk_is_slow = time.perf_counter() - began > SLOW_SYNC_S

    def snapshot(self) -> bytes:
        """The views as they are now; worth nothing on a disk before the last fact in them is durable."""
        body = msgspec.msgpack.encode(Snapshot(code_digest(), self._log.end, self.views))
        return _digest(body) + body

    def close(self) -> None:
        """Let go of the log."""
        self._log.close()


def load_snapshot(path: Path) -> Snapshot | None:
    """The snapshot, if it is whole and this very code made it; it is derived, so anything else is just not there."""
    try:
        data = path.read_bytes()
        body = memoryview(data)[DIGEST_BYTES:]
        if _digest(body) != data[:DIGEST_BYTES] or msgspec.msgpack.decode(body, type=_Code).code != code_digest():
            return None
        with garbage_kept():
            return msgspec.msgpack.decode(body, type=Snapshot)
    except (OSError, msgspec.MsgspecError):
        return None


def last_fact(log: Path) -> int:
    """The number of the last fact that a log holds; nothing is changed."""
    reader = Log(log, segment_bytes=1)
    for _ in reader.read():
        pass
    return reader.seq


class _Code(Struct):
    code: str


@cache
def code_digest() -> str:
    """A digest of the code that views are made by: another code may fold the same facts into other views."""
    return _digest(b"\0".join(source.read_bytes() for source in sources_of_views())).hex()


def sources_of_views() -> list[Path]:
    """The files of that code: the views, and the vocabularies that they are made of."""
    here = Path(__file__).parent
    vocabularies = [here / f"{name}.py" for name in ("drops", "rungs", "events", "steps")]
    return [*vocabularies, *sorted((here / "views").glob("*.py"))]


def _digest(data: bytes | memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


@contextmanager
def garbage_kept() -> Iterator[None]:
    """Do not look for garbage while nothing but lasting values is being made: it would look at all of them again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS)
