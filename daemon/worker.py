"""The workers: claim a run; decide, perform, record. The only place where a hand's crash is caught."""

import traceback
from asyncio import Event
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import anyio
import structlog
from anyio import CancelScope
from anyio.lowlevel import checkpoint

from daemon import events as e
from daemon.disk import SyncFailed
from daemon.effects import perform
from daemon.effects.world import World
from daemon.events import Fact
from daemon.policy import next_step, ramp, recall, retry, schedule
from daemon.policy.known import Known
from daemon.state import State
from daemon.steps import OfRun, Preparation, Step

DECISIONS_AT_ONCE = 100  # after so many, others get their turn
TRACE_CHARACTERS = 4_000

logger = structlog.get_logger("worker")


class Bell:
    """Wakes all who wait for it."""

    def __init__(self) -> None:
        self._event = Event()

    def ring(self, _: object = None) -> None:
        """Wake everybody."""
        self._event.set()
        self._event.clear()

    async def wait(self) -> None:
        """Sleep until the next ring."""
        await self._event.wait()


class Workers:
    """All who move jobs on: the workers, the clerk who decides between runs, and the one who watches the clock."""

    def __init__(self, state: State, world: World) -> None:
        self.state = state
        self.world = world
        self.drained = False
        self._to_decide, self._to_claim, self._to_wait_for = Bell(), Bell(), Bell()
        self._in_hand: dict[str, CancelScope] = {}
        self._changed: dict[str, None] = {}  # jobs and ramps that the clerk has to look at
        listeners: dict[Callable[[Any], None], tuple[type[Fact], ...]] = {
            self._note_change: (e.JobAccepted, e.JobReopened, e.CancelAsked, e.RunSettled),
            self._note_ramp: (e.RampAccepted, e.RampReopened),
            self._note_instance: (e.RedGateHeld, e.GoldChecked, e.RunRefused, e.JobSettled),
            self._to_claim.ring: (e.RunOpened, e.RunDue, e.PhaseReleased, e.WorkResumed),
            self._to_wait_for.ring: (e.RunOpened, e.RunParked),
            self._let_go: (e.RunSettled,),
        }
        for listener, fact_types in listeners.items():
            for fact_type in fact_types:
                state.listen(fact_type, listener)

    def drain(self) -> None:
        """Let every run be put down at the end of its step, and none be taken up."""
        self.drained = True
        self._to_claim.ring()

    def drop_everything(self) -> None:
        """Put every run down at once; the step in hand will be done again."""
        for scope in self._in_hand.values():
            scope.cancel()

    async def decide(self) -> None:
        """The clerk: whatever changed about a job, say what it leads to."""
        jobs, ladder, ramps = self.state.views.jobs, self.state.views.ladder, self.state.views.ramp
        self._changed.update(dict.fromkeys(jobs.open))  # nobody knows what a former daemon had not decided yet
        self._changed.update(dict.fromkeys(each.id for each in ramps.under_way()))
        while True:
            for job in list(islice(self._changed, DECISIONS_AT_ONCE)):
                del self._changed[job]
                if job in jobs.open:
                    for step in retry.decide(jobs.open[job], self.state.settings, ladder):
                        self.state.note(*await perform(step, self.world))
                if ramps.ramps:
                    await self._move(job)
            await self.state.durable()
            await (checkpoint() if self._changed else self._to_decide.wait())

    async def _move(self, name: str) -> None:
        """Move a ramp on, as far as it goes now; `name` is its own or that of one of its jobs."""
        views = self.state.views
        while (moved := views.ramp.of(name)) and (step := ramp.next_step(moved, views.jobs.accepted)):
            self.state.note(*await perform(step, self.world))

    async def work(self, worker: str) -> None:
        """One worker's life."""
        while not self.drained:
            with CancelScope() as scope:  # one for many runs: it costs as much as deciding on a step does
                await self._work_within(scope, worker)

    async def _work_within(self, scope: CancelScope, worker: str) -> None:
        """Take up run after run, until one is taken away."""
        queue = self.state.views.queue
        while not (self.drained or scope.cancel_called):
            run = schedule.next_run(queue)
            if run is None:
                await self._to_claim.wait()
                continue
            job = queue.waiting[run].job
            self.state.note(e.RunClaimed(job=job, run=run, worker=worker))
            self._in_hand[run] = scope
            try:
                await self.state.durable()  # should the daemon die of this run, the next one knows
                await self._carry_on(job, run)
            finally:
                del self._in_hand[run]

    async def watch_the_clock(self) -> None:
        """Let delayed runs stand in line when their time has come, while somebody is there to take them."""
        queue = self.state.views.queue
        while not self.drained:
            if due := schedule.due(queue, self.world.clock.now()):
                self.state.note(e.RunDue(runs=due))
            with anyio.move_on_after(schedule.sleep_s(queue, self.world.clock.now())):
                await self._to_wait_for.wait()

    async def _carry_on(self, job: str, run: str) -> None:
        """State decides a step, a step yields facts, facts fold into state."""
        jobs, queue = self.state.views.jobs, self.state.views.queue
        while run in queue.running and not self.drained:
            step = next_step(jobs.open[job], jobs.open[job].runs[run], self.state.settings, self._known)
            if step is None:
                return
            if isinstance(step, OfRun) and not isinstance(step, Preparation):
                await self.state.durable()  # no effect may follow from a fact that could be lost
            facts = await self._perform(step, job, run)
            if run in queue.running:  # otherwise it was cancelled meanwhile, and nobody wants to know
                self.state.note(*facts)

    @cached_property
    def _known(self) -> Known:
        """What decisions look at besides their run. The index of messages is built once, and then kept up to date."""
        views = self.state.views
        messages = recall.index(views.fix_database)
        self.state.listen(e.FixLearned, lambda fact: recall.keep_up(messages, views.fix_database, fact.fix))
        return Known(views.jobs.today, views.fix_database, messages)

    async def _perform(self, step: Step, job: str, run: str) -> Sequence[Fact]:
        try:
            return await perform(step, self.world)
        except SyncFailed:
            raise  # nobody knows what is on the disk: no hand's crash, but the end of this process
        except Exception as error:
            name, trace = type(step).__name__, traceback.format_exc()[-TRACE_CHARACTERS:]
            logger.exception("step_crashed", run=run, step=name)
            what = f"{type(error).__name__}: {error}"
            return [e.StepCrashed(job=job, run=run, step=name, error=what, trace=trace)]

    def _note_change(self, fact: e.JobAccepted | e.JobReopened | e.CancelAsked | e.RunSettled) -> None:
        self._changed[fact.job] = None
        self._to_decide.ring()

    def _note_ramp(self, fact: e.RampAccepted | e.RampReopened) -> None:
        self._changed[fact.ramp] = None
        self._to_decide.ring()

    def _note_instance(self, fact: e.RedGateHeld | e.GoldChecked | e.RunRefused | e.JobSettled) -> None:
        if fact.job in self.state.views.ramp.places:
            self._changed[fact.job] = None
            self._to_decide.ring()

    def _let_go(self, fact: e.RunSettled) -> None:
        if fact.outcome == "cancelled" and fact.run in self._in_hand:
            self._in_hand[fact.run].cancel()
