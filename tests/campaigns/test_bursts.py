"""Bursts: 50,000 drops at once are all taken, once, in bounded memory, also where the inlet vanishes meanwhile."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.exits import Exit
from tests.fakes.bursts import (
    accepted,
    check_taken_once,
    drop_all,
    drop_and_outlive,
    peak_bytes,
    vanishing,
    write_ahead,
)
from tests.fakes.daemon_process import DaemonProcess

pytestmark = pytest.mark.campaign

FILES = 50_000
WARM_UP = 500
PATIENCE_S = 900
BYTES_PER_OPEN_JOB = 4 * 2**10  # the job, its drop, its run, its place in line
ALLOWED_BYTES = 32 * 2**20  # what does not depend on how many there are: a batch, a snapshot's and a view's buffers
SETTINGS: dict[str, Any] = {"publish_every_ms": 200, "half_written_s": 2.0}


def test_fifty_thousand_drops_at_once(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """All are accepted exactly once; memory grows with the open jobs, and by a stated amount for each."""
    with DaemonProcess(tmp_path, **SETTINGS) as daemon:
        warm_up, burst = (written := write_ahead(daemon, WARM_UP + FILES))[:WARM_UP], written[WARM_UP:]
        daemon.start()
        daemon.wait_until_said("ready")
        drop_all(daemon, warm_up)
        daemon.wait_until(lambda: daemon.settled() == WARM_UP)
        baseline = peak_bytes(daemon)

        began = time.monotonic()
        dropped_s = drop_all(daemon, burst)
        daemon.wait_until(lambda: accepted(daemon) == len(written), PATIENCE_S)
        accepted_s = time.monotonic() - began
        daemon.wait_until(lambda: daemon.settled() == len(written), PATIENCE_S)
        settled_s = time.monotonic() - began
        peak = peak_bytes(daemon)
        tell(
            f"{FILES} files dropped in {dropped_s:.1f} s, accepted in {accepted_s:.1f} s ({FILES / accepted_s:.0f}/s), "
            f"settled in {settled_s:.1f} s ({FILES / settled_s:.0f}/s)\n"
            f"peak memory {peak / 2**20:.0f} MiB, before the burst {baseline / 2**20:.0f} MiB: "
            f"{(peak - baseline) / FILES:.0f} bytes for each drop"
        )
        assert daemon.stop() == Exit.DONE
        check_taken_once(daemon, written)
        assert peak <= baseline + ALLOWED_BYTES + FILES * BYTES_PER_OPEN_JOB
    shutil.rmtree(tmp_path)  # more than pytest should have to keep


def test_a_burst_while_the_inlet_vanishes_again_and_again(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """The daemon makes it again each time, and takes each drop once."""
    with DaemonProcess(tmp_path, **SETTINGS) as daemon:
        written = write_ahead(daemon, 10_000)
        daemon.start()
        daemon.wait_until_said("ready")
        with vanishing(daemon.queue / "ideas") as removed:
            for start in range(0, len(written), 500):
                drop_and_outlive(daemon, written[start : start + 500], removed)
        daemon.wait_until(lambda: daemon.settled() == len(written), PATIENCE_S)
        tell(f"{len(written)} drops while the inlet was removed {len(removed)} times")
        assert daemon.stop() == Exit.DONE
        check_taken_once(daemon, written)
    shutil.rmtree(tmp_path)
