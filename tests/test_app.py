"""The brake: a file or quiet hours hold runs back, and lose nothing. And what `once` takes for too little."""

import time
from pathlib import Path

import pytest

from daemon import events as e
from daemon.app import FOLDERS, brake, is_short, main
from daemon.exits import Exit
from daemon.settings import resolve
from tests.fakes.daemon_process import DaemonProcess, repair
from tests.fakes.ramps import Climb
from tests.fakes.tool import tool


def at(hour: int, minute: int = 0) -> time.struct_time:
    return time.struct_time((2026, 1, 2, hour, minute, 0, 4, 2, 0))


@pytest.mark.parametrize(
    ("hours", "now", "is_quiet"),
    [
        ("08:00-18:30", at(8), True),
        ("08:00-18:30", at(18, 29), True),
        ("08:00-18:30", at(18, 30), False),
        ("08:00-18:30", at(7, 59), False),
        ("22:00-06:00", at(23), True),
        ("22:00-06:00", at(5, 59), True),
        ("22:00-06:00", at(6), False),
        ("", at(12), False),
    ],
)
def test_quiet_hours_may_go_over_midnight(tmp_path: Path, hours: str, now: time.struct_time, is_quiet: bool) -> None:  # noqa: FBT001  a table's column
    assert bool(brake(tmp_path / "pause", hours, now)) == is_quiet


@pytest.mark.parametrize("setting", ["state_dir", "queue_dir"])
def test_a_file_in_a_folders_place_keeps_the_daemon_down(
    setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").touch()
    places = {
        "state_dir": str(tmp_path / "state"),
        "queue_dir": str(tmp_path / "queue"),
        setting: str(tmp_path / "taken"),
    }
    assert main(resolve([("test", places)])[0]) == Exit.STAY_DOWN
    assert setting in capsys.readouterr().err


@pytest.mark.parametrize("name", FOLDERS)
def test_whatever_stands_in_the_place_of_one_of_our_folders_keeps_the_daemon_down(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file, or a link to a folder that is not there: starting again cannot help, and it is named."""
    place = tmp_path / "state" / name
    place.parent.mkdir()
    place.symlink_to(tmp_path / "gone") if name == "log" else place.touch()
    settings, _ = resolve([("test", {"state_dir": str(tmp_path / "state"), "queue_dir": str(tmp_path / "queue")})])
    assert main(settings) == Exit.STAY_DOWN
    assert capsys.readouterr().err == f"mendd: {place} is no folder, and what belongs there is in one: move it away\n"
    assert not (tmp_path / "queue").exists()


def test_a_brake_that_nobody_can_see_holds_runs_back_and_says_why(tmp_path: Path) -> None:
    """A name that no folder can have stands for all that keeps a file from being looked for."""
    assert "File name too long" in brake(tmp_path / ("x" * 300), "", at(12))
    assert brake(tmp_path / "nowhere" / "pause", "", at(12)) == "", "it is certain that nothing is there"


def told(daemon: DaemonProcess) -> str:
    return daemon.ask("explain", "r-000001").stdout


def test_a_file_named_pause_holds_runs_back_until_it_is_gone(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.queue.mkdir()
        (daemon.queue / "pause").touch()
        daemon.start().wait_until_said("paused")
        daemon.drop("a.json", repair("a"))
        daemon.wait_until(lambda: daemon.view("queue").get("depth") == 1)
        assert "pause is there" in daemon.view("queue")["work_paused"]
        paused = "for the end of the pause: "
        assert f"stands in line {paused}{daemon.queue / 'pause'} is there; remove it to go on" in told(daemon)
        shown = " ".join(tool("monitor_queue", "--once", "--state", daemon.state, columns=400).stdout.split())
        assert f"▲ no run is taken up: {daemon.queue / 'pause'} is there; remove it to go on" in shown
        assert "waiting for the end of the pause 1" in shown
        assert "a free worker" not in shown + told(daemon)
        (daemon.queue / "pause").unlink()
        daemon.wait_until(lambda: daemon.settled() == 1)
        assert daemon.stop() == 0


def test_a_brake_that_was_put_on_while_nobody_lived_holds_from_the_first_run_on(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.start().wait_until_said("ready")
        daemon.drop("a.json", repair("a", "stall 3600, fix"))
        daemon.wait_until(lambda: daemon.view("queue").get("running"))
        daemon.kill()
        (daemon.queue / "pause").touch()
        daemon.start().wait_until_said("paused")
        daemon.wait_until(lambda: daemon.view("queue").get("work_paused"))
        assert daemon.stop() == 0
        assert len(daemon.facts_of(e.RunClaimed)) == 1


def test_a_start_sweeps_what_is_half_made_and_the_budget_takes_those_of_settled_jobs_only(tmp_path: Path) -> None:
    """What no interpreter can run is refused as soon as there is a tree."""

    def refused(name: str, number: int) -> None:
        repo = tmp_path / name
        repo.mkdir()
        (repo / "a.py").write_text(name)
        daemon.drop(f"{name}.json", repair(name, repo=str(repo), environment={"python": "9.9"}))
        daemon.wait_until(lambda: daemon.settled() == number)

    with DaemonProcess(tmp_path / "home", world="real", trees_bytes=0) as daemon:
        trees = daemon.state / "trees"
        half_made = [trees / "making-7-ab", daemon.state / "projects" / ".making-ab"]
        for folder in half_made:
            (folder / "files").mkdir(parents=True)
        daemon.start().wait_until_said("ready")
        assert not any(folder.exists() for folder in half_made)
        refused("first", 1)
        refused("second", 2)
        assert [path.read_text() for path in trees.glob("*/files/a.py")] == ["second"]
        assert daemon.stop() == 0


def test_a_start_leaves_nothing_half_written_where_it_writes_again(tmp_path: Path) -> None:
    """What a daemon killed in the middle of a write leaves, and beside it what a person may have called alike."""
    with DaemonProcess(tmp_path) as daemon:
        rows = [repair("a", "fix", instance_id="i0", title="i0")]
        daemon.drop("ramp.json", {"kind": "ramp", "title": "one", "instances": rows, "phases": [1]})
        daemon.drop("bad.json", {"title": 7})
        assert daemon.start("once").wait() == Exit.NOT_ALL_CERTIFIED
        results = daemon.state / "results"
        written = (results / "r-000001", results / "ramp" / "m-000001", daemon.queue / "rejected")
        folders = (*written, daemon.state, *(daemon.state / name for name in ("views", "keys", "blobs")))
        for folder in folders:
            folder.mkdir(exist_ok=True)
            (folder / ".report.md.12-34.new").touch()
            (folder / ".mine.new").touch()
        (daemon.state / "snapshot").unlink()
        daemon.start().wait_until_said("ready")
        daemon.wait_until(lambda: not any(list(folder.glob(".report.*")) for folder in folders))
        assert daemon.stop() == 0
        assert all((folder / ".mine.new").exists() for folder in folders)


def test_a_ramp_counts_by_its_own_end_and_its_jobs_only_when_it_is_over(tmp_path: Path) -> None:
    """Of three, one cannot be judged and one fails, and half is enough: it reached its end."""
    climb = Climb(tmp_path, ["a1", "a2", "b1"], [3], targets=[0.5])
    climb.go()
    climb.red("a1", "a2")
    climb.refused("b1")
    climb.go()
    climb.certified("a1")
    climb.failed("a2")
    failed = climb.told.facts[-1]
    assert isinstance(failed, e.JobSettled)
    assert not is_short(failed, climb.told.views.ramp)
    climb.go()
    reached = climb.ramp.settled
    assert reached
    assert not is_short(reached, climb.told.views.ramp)
    assert is_short(failed, climb.told.views.ramp)
    assert is_short(e.RampSettled(ramp=climb.id, outcome="stopped", reason="no"), climb.told.views.ramp)
