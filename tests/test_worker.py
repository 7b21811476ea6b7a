"""What a hand may follow from: its claim before the first one, and everything before whatever is no preparation."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import anyio

from daemon import codec, steps
from daemon import events as e
from daemon.app import Clock
from daemon.blobs import Blobs
from daemon.drops import Repair
from daemon.effects import ledger
from daemon.effects.scripted import Stage
from daemon.effects.world import Hand, Hands, World
from daemon.events import Fact
from daemon.settings import Settings
from daemon.state import State
from daemon.worker import Workers


def test_no_hand_follows_from_a_fact_that_could_be_lost_unless_it_only_prepares(tmp_path: Path) -> None:
    """Whoever forgot a preparation does it again. But even the first one finds its claim on the disk."""
    state = State(tmp_path, Settings())
    state.catch_up()
    behind: dict[type[steps.OfRun], int] = {}  # each hand in its turn, and how many facts were in memory only
    claimed = []

    def watched(kind: type[steps.OfRun], hand: Hand) -> Hand:
        async def watch(step: steps.OfRun, world: World) -> Sequence[Fact]:
            on_disk = codec.decode_lines((tmp_path / "log" / "000000000001.jsonl").read_bytes())
            claimed.append(any(isinstance(fact, e.RunClaimed) for fact in on_disk))
            behind[kind] = state.seq - on_disk[-1].seq
            return await hand(step, world)

        return watch

    of_runs: Hands = {
        kind: watched(kind, hand) for kind, hand in Stage().hands().items() if issubclass(kind, steps.OfRun)
    }
    workers = _workers(state, of_runs)

    async def story() -> None:
        settled = anyio.Event()
        state.listen(e.JobSettled, lambda _: settled.set())
        async with _at_work(state, workers):
            await state.record(_accepted(1))
            await settled.wait()

    anyio.run(story)
    prepared = {kind: behind.pop(kind) for kind in list(behind) if issubclass(kind, steps.Preparation)}
    assert list(prepared) == [steps.PrepareEnvironment, steps.PrepareWorkspace, steps.RunRedGate]
    assert prepared[steps.PrepareEnvironment] == 0 < prepared[steps.PrepareWorkspace]
    assert steps.Certify in behind
    assert not any(behind.values())
    assert all(claimed)


def test_a_run_that_ends_while_it_is_cancelled_does_not_take_the_next_one_with_it(tmp_path: Path) -> None:
    """The hand may just have returned: its worker, who waits for nothing then, goes on to the next run."""
    state = State(tmp_path, Settings())
    state.catch_up()
    hands = dict(Stage().hands())
    at_the_gate, go_on = anyio.Event(), anyio.Event()

    async def wait_at_the_gate(step: steps.RunRedGate, world: World) -> Sequence[Fact]:
        if step.job == "r-000001":
            at_the_gate.set()
            await go_on.wait()
        return await gate(step, world)

    gate, hands[steps.RunRedGate] = hands[steps.RunRedGate], wait_at_the_gate
    workers = _workers(state, hands)

    async def story() -> None:
        certified = anyio.Event()
        state.listen(e.Certified, lambda _: certified.set())
        async with _at_work(state, workers):
            await state.record(_accepted(1), _accepted(2))
            await at_the_gate.wait()
            go_on.set()
            state.note(e.RunSettled(job="r-000001", run="r-000001.1", outcome="cancelled", reason="by a sibling"))
            with anyio.fail_after(30):
                await certified.wait()

    anyio.run(story)
    assert state.views.queue.running == {}


def _workers(state: State, hands: Hands) -> Workers:
    dice = Random(1)  # noqa: S311  nothing secret is thrown
    blobs = Blobs(state.folder / "blobs")
    return Workers(state, World(Settings(), Clock(), dice, blobs, state.folder, ledger.HANDS | hands))


@asynccontextmanager
async def _at_work(state: State, workers: Workers) -> AsyncIterator[None]:
    """One worker, the clerk, and the disk."""
    async with anyio.create_task_group() as tasks:
        for task in (state.keep, workers.decide):
            tasks.start_soon(task)
        tasks.start_soon(workers.work, "w1")
        yield
        tasks.cancel_scope.cancel()


def _accepted(number: int) -> Fact:
    drop = Repair(repo="/r", tests=["t"], problem="script: fix")
    job = f"r-{number:06d}"
    return e.JobAccepted(source=f"s{number}", job=job, kind="repair", project="p", title="t", drop=drop)
