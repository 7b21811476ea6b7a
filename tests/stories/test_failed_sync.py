"""A disk that does not confirm a write ends the process honestly, and what was acknowledged before is found again."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import anyio
import pytest

from daemon import events as e
from daemon import steps
from daemon.app import Clock
from daemon.blobs import Blobs
from daemon.disk import SyncFailed
from daemon.drops import Repair
from daemon.effects import ledger
from daemon.effects.world import World
from daemon.events import Fact
from daemon.exits import Exit
from daemon.settings import Settings
from daemon.state import State
from daemon.worker import Workers
from tests.fakes import failing_disk
from tests.fakes.daemon_process import DaemonProcess, repair
from tests.fakes.small_disk import not_real

BEFORE, AFTER = 30, 30


@pytest.mark.parametrize("settled_before", [0, 5, BEFORE])
def test_a_failed_sync_ends_the_process_and_nothing_acknowledged_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled_before: int
) -> None:
    """Status 74, said in words. A fresh start knows every drop that was taken away and every result that was shown."""
    if not failing_disk.IS_POSSIBLE:
        not_real("no seccomp filter is known for this kernel and processor")
    fail_now = tmp_path / "fail-now"
    monkeypatch.setenv("FAIL_SYNCS_WHEN", str(fail_now))
    names = [f"{number}.json" for number in range(BEFORE + AFTER)]
    with DaemonProcess(tmp_path, publish_every_ms=5) as daemon:

        def drop(numbers: range) -> None:
            for number in numbers:
                script = ("fix", "fail, fix", "green")[number % 3]
                daemon.drop(names[number], repair("r", script, title=names[number]))

        daemon.start(launcher=Path(failing_disk.__file__))
        drop(range(BEFORE))
        daemon.wait_until(lambda: daemon.settled() >= settled_before)
        fail_now.touch()
        drop(range(BEFORE, BEFORE + AFTER))
        assert daemon.wait() == Exit.DISK_FAILED
        assert "critical: disk failed" in daemon.said()
        assert "Traceback" not in daemon.said()

        lying = {path.name for path in (daemon.queue / "ideas").iterdir()}
        shown = {row["job"] for row in daemon.view("jobs").get("last_settled", [])}
        accepted = {fact.title for fact in daemon.facts() if isinstance(fact, e.JobAccepted)}
        settled = {fact.job for fact in daemon.facts() if isinstance(fact, e.JobSettled)}
        assert set(names) - lying <= accepted
        assert shown <= settled
        assert {path.name for path in (daemon.state / "results").glob("*")} <= settled

        daemon.start()
        daemon.wait_until(lambda: daemon.settled() == len(names))
        assert daemon.stop() == Exit.DONE
        titles = Counter(fact.title for fact in daemon.facts() if isinstance(fact, e.JobAccepted))
        ends = Counter(fact.job for fact in daemon.facts() if isinstance(fact, e.JobSettled))
        assert titles == Counter(names)
        assert len(ends) == len(names)
        assert set(ends.values()) == {1}
        assert daemon.ask("check").returncode == Exit.DONE


async def unconfirmed(step: steps.PrepareEnvironment, world: World) -> Sequence[Fact]:
    """A hand that keeps something, on a disk that does not confirm it."""
    del step, world
    raise SyncFailed("the disk did not confirm a write")


def test_an_unconfirmed_write_of_a_hand_is_not_taken_for_a_crash_of_that_hand(tmp_path: Path) -> None:
    """It would be tried again on a disk of which nobody knows what is on it."""
    state = State(tmp_path, Settings())
    state.catch_up()
    hands = ledger.HANDS | {steps.PrepareEnvironment: unconfirmed}
    dice = Random(1)  # noqa: S311  nothing secret is thrown
    world = World(Settings(), Clock(), dice, Blobs(tmp_path / "blobs"), tmp_path, hands)
    workers = Workers(state, world)
    drop = Repair(repo="/r", tests=["t"])
    accepted = e.JobAccepted(source="s", job="r-000001", kind="repair", project="p", title="t", drop=drop)

    async def story() -> None:
        async with anyio.create_task_group() as tasks:
            for task in (state.keep, workers.decide):
                tasks.start_soon(task)
            tasks.start_soon(workers.work, "w1")
            await state.record(accepted)

    with pytest.raises(BaseExceptionGroup) as caught:
        anyio.run(story)
    assert caught.group_contains(SyncFailed)
