"""What the exit statuses mean, for the supervisor, for scripts and for people."""

from enum import IntEnum


class Exit(IntEnum):
    """An exit status; those from sysexits.h where it has a word for it."""

    DONE = 0
    NOT_ALL_CERTIFIED = 1
    USAGE = 2
    CRASHED = 70  # a defect of ours: start again
    DISK_FAILED = 74  # the disk did not confirm a write: start again, and look at what is there
    HELD = 75  # another daemon holds this state
    STAY_DOWN = 78  # starting again cannot help: a broken log, a bad setting
