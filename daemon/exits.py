"""What asks the daemon to end, and what the exit statuses mean, for the supervisor, for scripts and for people."""

import signal
from enum import IntEnum


class Exit(IntEnum):
    """An exit status; those from sysexits.h where it has a word for it."""

    DONE = 0
    NOT_ALL_CERTIFIED = 1
    USAGE = 2
    UNAVAILABLE = 69  # what it takes is not to be had on this machine: nothing was found out
    CRASHED = 70  # a defect of ours: start again
    DISK_FAILED = 74  # the disk did not confirm a write: start again, and look at what is there
    HELD = 75  # another daemon holds this state
    STAY_DOWN = 78  # starting again cannot help: a broken log, a bad setting, a file in a folder's place


def stop_signals() -> list[signal.Signals]:
    """What asks to end: also a terminal that is closed, unless whoever started us had that ignored, as nohup does."""
    is_heard = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if is_heard else [])]
