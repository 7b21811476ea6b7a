"""Keeps the daemon up: restarts it after a crash or when its heartbeat goes stale, and knows when to leave it down.

It outlives what it watches, so it shares nothing with it: a process, an exit status, a heartbeat file, a pipe.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from daemon.exits import Exit, stop_signals
from daemon.settings import Settings

LOOK_EVERY_S = 0.5
LAST_WRITES_S = 10.0
ENDED_BEFORE_LISTENING = {-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}  # asked so early that it had begun nothing
FINAL = {Exit.DONE, Exit.NOT_ALL_CERTIFIED, Exit.USAGE, Exit.HELD, Exit.STAY_DOWN}


class Supervisor:
    """Watches over one daemon after the other."""

    def __init__(self, command: Sequence[str], settings: Settings) -> None:
        self.command = command
        self.settings = settings
        self._heartbeat = Path(settings.state_dir) / "run" / "heartbeat"
        self._child: subprocess.Popen[bytes] | None = None
        self._asked_to_stop_at = 0.0
        self._began = time.time()
        self._last_beat, self._heard_at = 0.0, 0.0

    def watch(self) -> int:
        """Run the daemon until it ends for good; its exit status."""
        for number in stop_signals():
            signal.signal(number, self._pass_on)
        crashes: deque[float] = deque(maxlen=self.settings.crash_loop_restarts)
        delay_s = self.settings.restart_backoff_s
        while True:
            began = time.monotonic()
            status = self._one_life()
            if self._asked_to_stop_at and status in ENDED_BEFORE_LISTENING:
                return Exit.DONE
            if status in FINAL or self._asked_to_stop_at:
                return status if status >= 0 else Exit.CRASHED
            now = time.monotonic()
            crashes.append(now)
            window_s = self.settings.crash_loop_window_s
            if len(crashes) == crashes.maxlen and now - crashes[0] < window_s:
                self._say(
                    f"{len(crashes)} crashes within {window_s:.0f} s (the last: {_meaning(status)}): staying down"
                )
                return status if status >= 0 else Exit.CRASHED
            if now - began > self.settings.crash_loop_window_s:
                delay_s = self.settings.restart_backoff_s
            self._say(f"the daemon ended with {_meaning(status)}; starting it again in {delay_s:.1f} s")
            self._wait(delay_s)
            if self._asked_to_stop_at:
                return Exit.DONE
            delay_s = min(self.settings.restart_backoff_max_s, max(delay_s, 0.1) * 2)

    def _one_life(self) -> int:
        """From start to end of one daemon. It holds one end of a pipe, and goes when the other end is gone."""
        its_end, our_end = os.pipe()
        try:
            child = subprocess.Popen(
                [*self.command, "--since", str(self._began), "--parent", str(its_end)], pass_fds=(its_end,)
            )
            self._child = child
            if self._asked_to_stop_at:  # it was asked while the child came to life
                child.terminate()
            os.close(its_end)
            self._heard_at = time.monotonic()
            while (status := _exited(child)) is None:
                silence_s = self._silence_s()
                if silence_s > self.settings.heartbeat_stale_s:
                    self._say(f"no heartbeat for {silence_s:.0f} s: killing pid {child.pid}")
                    child.kill()
                elif self._asked_to_stop_at and time.monotonic() - self._asked_to_stop_at > self._patience_s():
                    self._say(f"it does not stop: killing pid {child.pid}")
                    child.kill()
            return status
        finally:
            os.close(our_end)
            self._child = None

    def _patience_s(self) -> float:
        return 2 * self.settings.drain_s + LAST_WRITES_S

    def _silence_s(self) -> float:
        """How long the heartbeat has not changed, by a clock that nobody sets."""
        try:
            beat = self._heartbeat.stat().st_mtime
        except OSError:  # it never beat, or its folder is none: the daemon itself says what is wrong with that
            beat = 0.0
        if beat != self._last_beat:
            self._last_beat, self._heard_at = beat, time.monotonic()
        return time.monotonic() - self._heard_at

    def _wait(self, seconds: float) -> None:
        """Sleep, but not through a signal to stop."""
        until = time.monotonic() + seconds
        while not self._asked_to_stop_at and (left := until - time.monotonic()) > 0:
            time.sleep(min(LOOK_EVERY_S, left))

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._asked_to_stop_at = self._asked_to_stop_at or time.monotonic()
        if self._child is not None:
            self._child.send_signal(number)

    def _say(self, words: str) -> None:
        with contextlib.suppress(OSError):  # a full disk behind stderr must not end the one who restarts
            print(f"mendd: {words}", file=sys.stderr, flush=True)


def _exited(child: subprocess.Popen[bytes]) -> int | None:
    """The exit status, as soon as there is one; None after a look's time."""
    try:
        return child.wait(LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        return None


def _meaning(status: int) -> str:
    if status < 0:
        return f"signal {signal.Signals(-status).name}"
    known = {known.value: known.name.lower().replace("_", " ") for known in Exit}
    return f"status {status} ({known.get(status, 'unknown')})"
