"""A full disk stops intake and says so, and nothing crashes; with room again everything goes on and nothing is lost."""

from collections import Counter
from pathlib import Path

import pytest

from daemon import events as e
from daemon.exits import Exit
from tests.fakes.daemon_process import DaemonProcess, repair
from tests.fakes.small_disk import fill, on_a_small_disk, small_disk

LIMIT = 8 * 2**20


def drop_some(daemon: DaemonProcess, when: str, count: int = 12) -> None:
    for number in range(count):
        script = ("fix", "fail, fix", "green", "stall 0.2, fix")[number % 4]
        daemon.drop(f"{when}-{number}.json", repair(when, script, title=f"{when} {number}"))


def lying(daemon: DaemonProcess) -> list[str]:
    return sorted(path.name for path in (daemon.queue / "ideas").iterdir())


def runs(daemon: DaemonProcess) -> bool:
    return daemon.process is not None and daemon.process.poll() is None


def finish(daemon: DaemonProcess, jobs: int) -> None:
    """Everything that was dropped settles exactly once, and the log is whole."""
    daemon.wait_until(lambda: daemon.settled() >= jobs and not lying(daemon))
    assert daemon.stop() == Exit.DONE
    titles = Counter(fact.title for fact in daemon.facts() if isinstance(fact, e.JobAccepted))
    settled = Counter(fact.job for fact in daemon.facts() if isinstance(fact, e.JobSettled))
    assert len(titles) == len(settled) == jobs
    assert set(titles.values()) == set(settled.values()) == {1}
    assert daemon.ask("check").returncode == Exit.DONE
    assert "Traceback" not in daemon.said()


@on_a_small_disk
def test_with_little_room_left_intake_pauses_and_work_goes_on(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Below min_free_bytes: told on stderr, as a fact and in the views; what was accepted before still settles."""
    del request
    with (
        small_disk(tmp_path / "state", megabytes=24) as state,
        DaemonProcess(tmp_path, min_free_bytes=LIMIT, scan_every_s=0.1) as daemon,
    ):
        daemon.start()
        drop_some(daemon, "before")
        daemon.wait_until(lambda: not lying(daemon))
        filler = fill(state, leave=LIMIT // 2)
        drop_some(daemon, "full")
        daemon.wait_until_said("intake paused")
        daemon.wait_until(lambda: daemon.view("queue").get("intake_paused"))
        daemon.wait_until(lambda: daemon.settled() == 12)
        assert len(lying(daemon)) == 12, "what was dropped meanwhile lies where it was dropped"
        assert len(daemon.facts_of(e.IntakePaused)) == 1
        assert runs(daemon)

        filler.unlink()
        daemon.wait_until_said("intake resumed")
        drop_some(daemon, "after")
        finish(daemon, jobs=36)
        assert daemon.view("queue")["intake_paused"] is None


@on_a_small_disk
@pytest.mark.parametrize("meanwhile", ["it waits", "it is killed", "it is stopped"])
def test_without_any_room_everything_waits_and_nothing_is_lost(
    request: pytest.FixtureRequest, tmp_path: Path, meanwhile: str
) -> None:
    """0 bytes free in mid-write: told on stderr, no crash; also a daemon that starts on the full disk waits."""
    del request
    with (
        small_disk(tmp_path / "state", megabytes=24) as state,
        DaemonProcess(tmp_path, min_free_bytes=0, scan_every_s=0.1, drain_s=0.2) as daemon,
    ):
        daemon.start()
        drop_some(daemon, "before")
        daemon.wait_until_said("certified")
        filler = fill(state)
        drop_some(daemon, "full", count=100)
        daemon.wait_until_said("no room for the log")
        assert runs(daemon)
        if meanwhile != "it waits":
            if meanwhile == "it is killed":
                daemon.kill()
            else:
                assert daemon.stop() == Exit.DONE
            told = daemon.said().count("no room ")
            daemon.start()
            daemon.wait_until(lambda: daemon.said().count("no room ") > told)
            assert runs(daemon)
        drop_some(daemon, "again")

        filler.unlink()
        finish(daemon, jobs=124)
