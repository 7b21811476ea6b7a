"""The supervisor: it restarts after a crash or on a stale heartbeat, passes signals on, knows when to stay down."""

import os
import signal
from pathlib import Path

import pytest

from daemon import events as e
from daemon.exits import Exit
from tests.fakes.daemon_process import DaemonProcess, repair


def test_a_killed_daemon_is_started_again_and_finishes_its_work(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path)
    daemon.drop("a.json", repair("a", "die 2, fix"))
    assert daemon.start("once").wait() == Exit.DONE
    assert len(daemon.facts_of(e.DaemonStarted)) == 3
    assert "SIGKILL" in daemon.said()


def test_once_remembers_what_its_former_lives_brought(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path, snapshot_every_facts=1, publish_every_ms=5)
    daemon.drop("a.json", repair("a", "green"))
    daemon.drop("b.json", repair("b", "stall 0.5, die 1, fix"))
    assert daemon.start("once").wait() == Exit.NOT_ALL_CERTIFIED


def test_a_crash_loop_ends_in_staying_down(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path, crash_loop_restarts=3, restart_backoff_max_s=0.1)
    daemon.drop("a.json", repair("a", "die 99, fix"))
    assert daemon.start("run").wait() != Exit.DONE
    assert "3 crashes within" in daemon.said()
    assert len(daemon.facts_of(e.DaemonStarted)) == 3


def test_a_broken_log_stays_down_and_says_where(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path)
    daemon.drop("a.json", repair("a"))
    assert daemon.start("once").wait() == Exit.DONE
    [segment] = (daemon.state / "log").glob("*.jsonl")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    (daemon.state / "snapshot").unlink()
    assert daemon.start("run").wait() == Exit.STAY_DOWN
    assert segment.name in daemon.said()
    assert segment.read_bytes() == data, "nothing was changed"


def test_a_silent_daemon_is_killed_and_started_again(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path, heartbeat_stale_s=3.0, heartbeat_every_s=0.1) as daemon:
        daemon.start("run").wait_until(lambda: daemon.facts_of(e.DaemonStarted))
        [first] = daemon.facts_of(e.DaemonStarted)
        assert isinstance(first, e.DaemonStarted)
        os.kill(first.pid, signal.SIGSTOP)  # alive, and yet not there
        daemon.wait_until(lambda: len(daemon.facts_of(e.DaemonStarted)) == 2)
        assert "no heartbeat" in daemon.said()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_stop_is_passed_on_and_the_stop_is_clean(tmp_path: Path, number: signal.Signals) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.start("run").wait_until_said("ready")
        assert daemon.process is not None
        daemon.process.send_signal(number)
        assert daemon.wait() == Exit.DONE
    assert isinstance(list(daemon.facts())[-1], e.DaemonStopped)


def test_a_terminal_that_is_closed_ends_both_cleanly(tmp_path: Path) -> None:
    """The kernel tells all that belongs to it at once."""
    with DaemonProcess(tmp_path) as daemon:
        daemon.start("run").wait_until_said("ready")
        assert daemon.process is not None
        os.killpg(daemon.process.pid, signal.SIGHUP)
        assert daemon.wait() == Exit.DONE
    assert isinstance(list(daemon.facts())[-1], e.DaemonStopped)


def test_who_was_started_to_outlive_its_terminal_does(tmp_path: Path) -> None:
    """As by nohup, which has the signal ignored by all that it starts."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with DaemonProcess(tmp_path) as daemon:
            daemon.start("run").wait_until_said("ready")
            assert daemon.process is not None
            os.killpg(daemon.process.pid, signal.SIGHUP)
            daemon.drop("a.json", repair("a", "fix"))
            daemon.wait_until(lambda: daemon.settled() == 1)
            assert daemon.stop() == Exit.DONE
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_daemon_does_not_outlive_its_supervisor(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.start("run").wait_until_said("ready")
        assert daemon.process is not None
        os.kill(daemon.process.pid, signal.SIGKILL)
        daemon.wait_until(lambda: daemon.facts_of(e.DaemonStopped))
        [stopped] = daemon.facts_of(e.DaemonStopped)
        assert isinstance(stopped, e.DaemonStopped)
        assert stopped.reason == "the supervisor is gone"


def test_a_stop_while_waiting_to_start_again_starts_nothing(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path, restart_backoff_s=3600, restart_backoff_max_s=3600) as daemon:
        daemon.drop("a.json", repair("a", "die 1, fix"))
        daemon.start("run").wait_until_said("starting it again")
        assert daemon.stop() == Exit.DONE
        assert len(daemon.facts_of(e.DaemonStarted)) == 1


def test_a_crash_before_the_daemon_stands_is_no_proper_end(tmp_path: Path) -> None:
    """Status 1 would say that something was not certified, and the supervisor would take it for the end."""
    daemon = DaemonProcess(tmp_path, crash_loop_restarts=2)
    (tmp_path / "state" / "run" / "daemon.log.jsonl").mkdir(parents=True)
    assert daemon.start("run").wait() == Exit.CRASHED
    assert "2 crashes within" in daemon.said()


def test_replay_does_not_write_beside_a_running_daemon(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.start().wait_until_said("ready")
        refused = daemon.ask("replay")
        assert (refused.returncode, "--into" in refused.stderr) == (Exit.HELD, True)
