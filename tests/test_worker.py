"""What a hand may follow from: its claim before the first one, and everything before whatever is no preparation."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import anyio

from daemon import codec, steps
from daemon import events as e
from daemon.app import Clock
from daemon.blobs import Blobs
from daemon.drops import Repair
from daemon.effects import ledger
from daemon.effects.scripted import Stage
from daemon.effects.world import World
from daemon.events import Fact
from daemon.settings import Settings
from daemon.state import State
from daemon.worker import Workers

Hand = Callable[[Any, World], Awaitable[Sequence[Fact]]]


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

    of_runs = {kind: watched(kind, hand) for kind, hand in Stage().hands().items() if issubclass(kind, steps.OfRun)}
    dice = Random(1)  # noqa: S311  nothing secret is thrown
    world = World(Settings(), Clock(), dice, Blobs(tmp_path / "blobs"), tmp_path, ledger.HANDS | of_runs)
    workers = Workers(state, world)
    drop = Repair(repo="/r", tests=["t"], problem="script: fix")
    accepted = e.JobAccepted(source="s", job="r-000001", kind="repair", project="p", title="t", drop=drop)

    async def story() -> None:
        settled = anyio.Event()
        state.listen(e.JobSettled, lambda _: settled.set())
        async with anyio.create_task_group() as tasks:
            for task in (state.keep, workers.decide):
                tasks.start_soon(task)
            tasks.start_soon(workers.work, "w1")
            await state.record(accepted)
            await settled.wait()
            tasks.cancel_scope.cancel()

    anyio.run(story)
    prepared = {kind: behind.pop(kind) for kind in list(behind) if issubclass(kind, steps.Preparation)}
    assert list(prepared) == [steps.PrepareEnvironment, steps.PrepareWorkspace, steps.RunRedGate]
    assert prepared[steps.PrepareEnvironment] == 0 < prepared[steps.PrepareWorkspace]
    assert steps.Certify in behind
    assert not any(behind.values())
    assert all(claimed)
