"""Who works on what, what stands in line, and what waits for which reason. Times are facts' times, never now."""

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush, nsmallest
from typing import Any

from msgspec import Struct, field

from daemon import events as e

# A run stands behind what comes within this many facts for each earlier run of its job: first runs go before second
# ones, and yet nobody waits for ever, because the log grows past every place.
STEP_BACK = 1000


class Standing(Struct, gc=False):
    """A run that is not in hand: its place in line, and what it waits for, if anything."""

    job: str
    priority: int
    place: int
    opened_at: float
    why: str = ""
    not_before: float = 0.0
    earlier: int = 0  # runs of its job


class Hand(Struct, gc=False):
    """A run in a worker's hand."""

    job: str
    worker: str
    since: float
    standing: Standing


class Queue(Struct):
    """The line of runs. `ready` and `later` are heaps that may hold leftovers; `waiting` says what is true."""

    waiting: dict[str, Standing] = field(default_factory=dict)
    running: dict[str, Hand] = field(default_factory=dict)
    ready: list[tuple[int, int, str]] = field(default_factory=list)  # -priority, place, run
    later: list[tuple[float, str]] = field(default_factory=list)  # not before, run
    paused: str = ""  # why nothing is taken in
    held: str = ""  # why no run is taken up

    def stands_ready(self, entry: tuple[int, int, str]) -> bool:
        """Whether an entry of `ready` still means a run that can be claimed."""
        standing = self.waiting.get(entry[2])
        return standing is not None and standing.place == entry[1] and not standing.not_before

    def is_delayed(self, entry: tuple[float, str]) -> bool:
        """Whether an entry of `later` still means a run that waits for that time."""
        standing = self.waiting.get(entry[1])
        return standing is not None and standing.not_before == entry[0]

    def awaited(self, standing: Standing) -> str:
        """What a run waits for."""
        return standing.why or (f"the end of the pause: {self.held}" if self.held else "a free worker")

    def document(self, rows: int) -> dict[str, Any]:
        """What a person reads in state/views/queue.json."""
        ready = nsmallest(rows, ((-s.priority, s.place, run) for run, s in self.waiting.items() if not s.not_before))
        delayed = nsmallest(rows, ((s.not_before, run) for run, s in self.waiting.items() if s.not_before))
        return {
            "depth": len(self.waiting),
            "delayed_depth": sum(1 for s in self.waiting.values() if s.not_before),
            "waiting_for": dict(Counter(map(self.awaited, self.waiting.values())).most_common(rows)),
            "running": [
                {"run": run, "job": hand.job, "worker": hand.worker, "since": hand.since}
                for run, hand in self.running.items()
            ],
            "ready": [self._row(run) for _, _, run in ready],
            "delayed": [self._row(run) for _, run in delayed],
            "oldest_ready_since": min((s.opened_at for s in self.waiting.values() if not s.not_before), default=None),
            "intake_paused": self.paused or None,
            "work_paused": self.held or None,
        }

    def _row(self, run: str) -> dict[str, Any]:
        standing = self.waiting[run]
        return {
            "run": run,
            "job": standing.job,
            "priority": standing.priority,
            "waiting_since": standing.opened_at,
            "why": self.awaited(standing),
            "not_before": standing.not_before or None,
        }


def _place(seq: int, earlier: int) -> int:
    return seq + earlier * STEP_BACK


def _stand(queue: Queue, run: str, standing: Standing) -> None:
    queue.waiting[run] = standing
    if standing.not_before:
        heappush(queue.later, (standing.not_before, run))
    else:
        heappush(queue.ready, (-standing.priority, standing.place, run))


def _clear_leftovers(queue: Queue) -> None:
    ready, later = queue.ready, queue.later
    while ready and not queue.stands_ready(ready[0]):
        heappop(ready)
    while later and not queue.is_delayed(later[0]):
        heappop(later)


def _opened(queue: Queue, fact: e.RunOpened) -> None:
    why = "its turn after a failed run" if fact.not_before else ""
    place = _place(fact.seq, fact.earlier)
    _stand(queue, fact.run, Standing(fact.job, fact.priority, place, fact.at, why, fact.not_before, fact.earlier))


def _due(queue: Queue, fact: e.RunDue | e.PhaseReleased) -> None:
    for run in fact.runs:
        standing = queue.waiting[run]
        standing.not_before, standing.why = 0.0, ""
        _stand(queue, run, standing)
    _clear_leftovers(queue)


def _claimed(queue: Queue, fact: e.RunClaimed) -> None:
    queue.running[fact.run] = Hand(fact.job, fact.worker, fact.at, queue.waiting.pop(fact.run))
    _clear_leftovers(queue)


def _parked(queue: Queue, fact: e.RunParked) -> None:
    standing = queue.running.pop(fact.run).standing
    standing.why, standing.not_before = fact.fault, fact.not_before
    standing.place = _place(fact.seq, standing.earlier)  # it had its turn: it stands there like one that comes now
    _stand(queue, fact.run, standing)


def _run_settled(queue: Queue, fact: e.RunSettled) -> None:
    if queue.running.pop(fact.run, None) is None:  # it stood in line
        queue.waiting.pop(fact.run, None)
        _clear_leftovers(queue)


def _put_down(queue: Queue, _: e.DaemonStarted | e.DaemonStopped) -> None:
    for run, hand in queue.running.items():
        _stand(queue, run, hand.standing)
    queue.running.clear()


def _paused(queue: Queue, fact: e.IntakePaused) -> None:
    queue.paused = fact.reason


def _resumed(queue: Queue, _: e.IntakeResumed) -> None:
    queue.paused = ""


def _work_paused(queue: Queue, fact: e.WorkPaused) -> None:
    queue.held = fact.reason


def _work_resumed(queue: Queue, _: e.WorkResumed) -> None:
    queue.held = ""


FOLD: dict[type[e.Fact], Callable[[Queue, Any], None]] = {
    e.RunOpened: _opened,
    e.RunDue: _due,
    e.PhaseReleased: _due,
    e.RunClaimed: _claimed,
    e.RunParked: _parked,
    e.RunSettled: _run_settled,
    e.DaemonStarted: _put_down,
    e.DaemonStopped: _put_down,
    e.IntakePaused: _paused,
    e.IntakeResumed: _resumed,
    e.WorkPaused: _work_paused,
    e.WorkResumed: _work_resumed,
}
