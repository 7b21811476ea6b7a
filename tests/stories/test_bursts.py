"""Many drops at once: a short form of tests/campaigns/test_bursts.py for every day."""

from pathlib import Path

from daemon.exits import Exit
from tests.fakes.bursts import check_taken_once, drop_and_outlive, vanishing, write_ahead
from tests.fakes.daemon_process import DaemonProcess


def test_an_inlet_that_is_removed_is_made_again(tmp_path: Path) -> None:
    """However often it vanishes during a burst, each drop is taken once."""
    with DaemonProcess(tmp_path, scan_every_s=0.5) as daemon:
        written = write_ahead(daemon, 400)
        daemon.start()
        daemon.wait_until_said("ready")
        with vanishing(daemon.queue / "ideas") as removed:
            for start in range(0, len(written), 50):
                drop_and_outlive(daemon, written[start : start + 50], removed)
        daemon.wait_until(lambda: daemon.settled() == 400)
        assert daemon.stop() == Exit.DONE
        check_taken_once(daemon, written)
