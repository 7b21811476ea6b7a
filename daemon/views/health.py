"""How the daemon has been over the last hours: minute by minute what was done and what went wrong, and its lives."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from msgspec import Struct, field

from daemon import events as e

MINUTES_KEPT = 180
LIVES_KEPT = 20


class Minute(Struct, gc=False):
    """What was counted in one minute."""

    accepted: int = 0
    rejected: int = 0
    settled: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    crashes: int = 0
    restarts: int = 0  # after a life without a clean end
    torn_ends: int = 0
    pauses: int = 0  # of intake


class Life(Struct, gc=False):
    """One start of the daemon, and its clean end if there was one."""

    started_at: float
    pid: int
    version: str
    stopped_at: float | None = None
    reason: str = ""


class Health(Struct):
    """Counts by minute for the last three hours before the newest fact."""

    minutes: dict[int, Minute] = field(default_factory=dict)  # minutes since the epoch
    lives: list[Life] = field(default_factory=list)
    started: int = 0
    torn_ends: int = 0

    def document(self, rows: int) -> dict[str, Any]:
        """What a person reads in state/views/health.json."""
        del rows  # bounded by itself
        return {
            "started": self.started,
            "torn_ends": self.torn_ends,
            "lives": [
                {
                    "started_at": life.started_at,
                    "pid": life.pid,
                    "version": life.version,
                    "stopped_at": life.stopped_at,
                    "reason": life.reason,
                }
                for life in self.lives
            ],
            "minutes": {
                str(number * 60): {
                    "accepted": minute.accepted,
                    "rejected": minute.rejected,
                    "settled": dict(sorted(minute.settled.items())),
                    "failures": dict(sorted(minute.failures.items())),
                    "faults": dict(sorted(minute.faults.items())),
                    "crashes": minute.crashes,
                    "restarts": minute.restarts,
                    "torn_ends": minute.torn_ends,
                    "pauses": minute.pauses,
                }
                for number, minute in islice(self.minutes.items(), MINUTES_KEPT)
            },
        }


def _minute(health: Health, at: float) -> Minute:
    number = int(at) // 60
    minute = health.minutes.get(number)
    if minute is None:
        minute = health.minutes[number] = Minute()
        for old in [old for old in health.minutes if old <= number - MINUTES_KEPT]:
            del health.minutes[old]
    return minute


def _accepted(health: Health, fact: e.JobAccepted | e.JobReopened) -> None:
    _minute(health, fact.at).accepted += 1


def _rejected(health: Health, fact: e.DropRejected) -> None:
    _minute(health, fact.at).rejected += 1


def _settled(health: Health, fact: e.JobSettled) -> None:
    settled = _minute(health, fact.at).settled
    settled[fact.outcome] = settled.get(fact.outcome, 0) + 1


def _attempt_failed(health: Health, fact: e.AttemptFailed) -> None:
    failures = _minute(health, fact.at).failures
    failures[fact.failure] = failures.get(fact.failure, 0) + 1


def _faulted(health: Health, fact: e.WorldFaulted) -> None:
    faults = _minute(health, fact.at).faults
    faults[fact.fault] = faults.get(fact.fault, 0) + 1


def _crashed(health: Health, fact: e.StepCrashed) -> None:
    _minute(health, fact.at).crashes += 1


def _started(health: Health, fact: e.DaemonStarted) -> None:
    health.started += 1
    if health.lives and health.lives[-1].stopped_at is None:
        _minute(health, fact.at).restarts += 1
    health.lives.append(Life(fact.at, fact.pid, fact.version))
    del health.lives[:-LIVES_KEPT]


def _stopped(health: Health, fact: e.DaemonStopped) -> None:
    health.lives[-1].stopped_at, health.lives[-1].reason = fact.at, fact.reason


def _torn(health: Health, fact: e.TailCut) -> None:
    health.torn_ends += 1
    _minute(health, fact.at).torn_ends += 1


def _paused(health: Health, fact: e.IntakePaused) -> None:
    _minute(health, fact.at).pauses += 1


FOLD: dict[type[e.Fact], Callable[[Health, Any], None]] = {
    e.JobAccepted: _accepted,
    e.JobReopened: _accepted,
    e.DropRejected: _rejected,
    e.JobSettled: _settled,
    e.AttemptFailed: _attempt_failed,
    e.WorldFaulted: _faulted,
    e.StepCrashed: _crashed,
    e.DaemonStarted: _started,
    e.DaemonStopped: _stopped,
    e.TailCut: _torn,
    e.IntakePaused: _paused,
}
