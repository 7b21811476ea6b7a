"""The brake: a file or quiet hours hold runs back, and lose nothing."""

import time
from pathlib import Path

import pytest

from daemon.app import brake
from tests.fakes.daemon_process import DaemonProcess, repair


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


def test_a_file_named_pause_holds_runs_back_until_it_is_gone(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.queue.mkdir()
        (daemon.queue / "pause").touch()
        daemon.start().wait_until_said("paused")
        daemon.drop("a.json", repair("a"))
        daemon.wait_until(lambda: daemon.view("queue").get("depth") == 1)
        assert "pause is there" in daemon.view("queue")["work_paused"]
        (daemon.queue / "pause").unlink()
        daemon.wait_until(lambda: daemon.settled() == 1)
        assert daemon.stop() == 0
