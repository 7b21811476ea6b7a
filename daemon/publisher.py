"""State → disk: a folder for each settled job, the views when they changed, now and then a snapshot. In this order.

Everything written here is derived and could be made again from the log. A snapshot comes last, so that a start from it
never has to ask whether the rest had been written.
"""

import os
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import anyio
import orjson
import structlog
from anyio.to_thread import run_sync

from daemon import events as e
from daemon.blobs import BlobBroken, Blobs
from daemon.disk import ROOM_ERRORS, sweep, write_whole
from daemon.drops import Repair
from daemon.phase_report import Result, files_of, result_of
from daemon.report import report
from daemon.state import State
from daemon.trajectory import prediction_of, trajectory
from daemon.views import Views
from daemon.views.jobs import Job

PARTIAL = "best_partial.diff"  # of a job that found no end: it fixed something
TOLD_AT_ONCE = 20  # of more jobs that settle together, only the numbers are told

logger = structlog.get_logger("publisher")


class Publisher:
    """Follows the state and writes down what changed."""

    def __init__(self, state: State, blobs: Blobs) -> None:
        self.state = state
        self.blobs = blobs
        self._settled: deque[Job] = deque()
        self._phases: deque[Result] = deque()
        self._published = self._snapshot_at = -1
        self._delayed = False  # by a full disk, which was told
        self._one_at_a_time = anyio.Lock()
        state.listen(e.JobSettled, self._remember)
        state.listen(e.PhaseSettled, self._remember_phase)

    async def follow(self) -> None:
        """Publish again and again, at most as often as the settings say."""
        while True:
            again = anyio.current_time() + self.state.settings.publish_every_ms / 1000
            await self.publish()
            await anyio.sleep_until(again)

    @property
    def is_up_to_date(self) -> bool:
        """Whether everything that happened has been published."""
        return self._published == self.state.seq and not (self._settled or self._phases)

    async def publish(self, *, last: bool = False) -> None:
        """Bring the disk up to what is durable now. A full disk only delays it."""
        async with self._one_at_a_time:
            await self._publish(last=last)

    async def _publish(self, *, last: bool) -> None:
        state, settings = self.state, self.state.settings
        seq = state.seq
        if self._published == seq and not last:
            return
        jobs, phases = list(self._settled), list(self._phases)
        documents = list(documents_of(state.views, seq, settings.view_rows))
        snapshot = state.snapshot() if last or seq - self._snapshot_at >= settings.snapshot_every_facts else None
        await state.durable()
        try:
            await self._write(jobs, phases, documents, snapshot)
        except OSError as error:
            if error.errno not in ROOM_ERRORS:
                raise
            if not self._delayed:
                logger.warning("no_room_to_publish", error=str(error), remedy="make room; it goes on by itself")
            self._delayed = True
            return
        self._delayed = False
        for job in jobs[:TOLD_AT_ONCE]:
            self._tell(job)
        if rest := jobs[TOLD_AT_ONCE:]:
            outcomes = Counter(job.outcome for job in rest)
            logger.info("and_more", **outcomes, where=str(state.folder / "results"))
        for phase in phases:
            logger.info("phase_settled", ramp=phase.ramp, phase=phase.phase.number, result=phase.phase.reason)
            self._phases.popleft()
        for _ in jobs:
            self._settled.popleft()
        self._published = seq
        if snapshot is not None:
            self._snapshot_at = seq

    async def _write(
        self, jobs: list[Job], phases: list[Result], documents: list[tuple[str, bytes]], snapshot: bytes | None
    ) -> None:
        await run_sync(self._write_jobs, jobs)
        for phase in phases:
            await run_sync(write_phase, self.state.folder / "results", phase, self.blobs)
        write_views(self.state.folder / "views", documents)
        if snapshot is not None:
            await run_sync(lambda: write_whole(self.state.folder / "snapshot", snapshot, durable=True))

    def _write_jobs(self, jobs: list[Job]) -> None:
        for job in jobs:
            write_results(self.state.folder / "results", job, self.blobs)

    def _tell(self, job: Job) -> None:
        """Say how a job ended, now that everything about it lies where it says."""
        where = self.state.folder / "results" / job.id
        if run := job.certified_run():
            made = {"project": run.folder} if run.folder else {"patch": f"{where}/patch.diff"}
            mind = {"mind": f"what {where}/report.md warns of"} if run.attempts[-1].warnings else {}
            logger.info("certified", job=job.id, **made, certificate=f"{where}/certificate.json", **mind)
        else:
            logger.info(job.outcome, job=job.id, why=job.reason, report=f"{where}/report.md")

    def _remember(self, fact: e.JobSettled) -> None:
        self._settled.append(self.state.views.jobs.settled[fact.job])

    def _remember_phase(self, fact: e.PhaseSettled) -> None:
        self._phases.append(result_of(self.state.views.ramp.ramps[fact.ramp]))


def documents_of(views: Views, seq: int, rows: int) -> Iterator[tuple[str, bytes]]:
    """Each view as the bytes of its file; `seq` is the last fact folded into it."""
    for name, document in views.documents(rows):
        yield name, orjson.dumps({"seq": seq} | document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write_views(folder: Path, documents: list[tuple[str, bytes]]) -> None:
    """Put the views in place, each in one move."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents:
        write_whole(folder / f"{name}.json", document)


def write_results(folder: Path, job: Job, blobs: Blobs) -> None:
    """Put down what a person wants to have of a settled job. A blob that is gone costs its file, and is told."""
    mine = _room(f"{folder}/{job.id}")
    change = ""
    certified, nearest = job.certified_run(), job.nearest()
    wanted = {PARTIAL: nearest.diff} if nearest and nearest.diff else {}
    if certified:
        wanted = {"patch.diff": certified.patch, "certificate.json": certified.certificate}
    for name in ("patch.diff", "certificate.json", PARTIAL):
        try:
            if name in wanted:
                content = blobs.get(wanted[name])
                write_whole(f"{mine}/{name}", content)
                change = content.decode(errors="replace") if name.endswith(".diff") else change
            elif job.runs_before:  # opened again: what an earlier end left here is no longer true
                Path(mine, name).unlink(missing_ok=True)
        except BlobBroken as error:
            _tell_lost(job.id, name, error)
    write_whole(f"{mine}/report.md", report(job, change).encode())
    if isinstance(job.drop, Repair) and job.drop.instance_id:  # others grade these
        _write_for_others(mine, job, blobs)


def _room(folder: str) -> str:
    """The folder of a job or a ramp, without what a killed daemon left half written: the next one writes it again.

    Made for every job, and a Path would cost as much as the folder.
    """
    try:
        os.mkdir(folder)  # noqa: PTH102  see above
    except FileNotFoundError:
        Path(folder).mkdir(parents=True)
    except FileExistsError:
        sweep(Path(folder))
    return folder


def _write_for_others(mine: str, job: Job, blobs: Blobs) -> None:
    """The forms that SWE-bench's harness and mini-swe-agent's inspector read."""

    def text(name: str) -> str:
        return blobs.get(name).decode(errors="replace")

    try:
        write_whole(f"{mine}/predictions.jsonl", prediction_of(job, text))
        write_whole(f"{mine}/{job.id}.traj.json", trajectory(job, text))
    except BlobBroken as error:
        _tell_lost(job.id, "predictions.jsonl", error)


def write_phase(folder: Path, result: Result, blobs: Blobs) -> None:
    """Put down what a phase of a ramp came to. A patch that is gone is empty there, and is told."""
    mine = _room(f"{folder}/ramp/{result.ramp}")

    def text(name: str) -> str:
        try:
            return blobs.get(name).decode(errors="replace")
        except BlobBroken as error:
            _tell_lost(result.ramp, "a patch", error)
            return ""

    for name, content in files_of(result, text):
        write_whole(f"{mine}/{name}", content)


def _tell_lost(job: str, name: str, error: BlobBroken) -> None:
    remedy = "restore state/blobs from a backup, then python -m daemon replay"
    logger.warning("result_is_lost", job=job, file=name, error=str(error), remedy=remedy)
