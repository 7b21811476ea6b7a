"""What each rung brought for each class of failure: tried, certified, seconds and tokens. Order is learned from this.

A run counts once, when it is settled, and only if it was really tried: one that was refused or cancelled, or that the
world failed, says nothing of its rung. What is counted is decided here; what follows from it in `policy/order.py`.
"""

from collections.abc import Callable
from itertools import islice
from typing import Any

from msgspec import Struct, field

from daemon import events as e
from daemon.views.bounded import keep_last
from daemon.views.odds import at_least

BASE = "base"  # a run on no rung
CLASSES_KEPT = 5_000  # the longest unseen go first; what they said stays in the totals
FORGOTTEN_PER_RUN = 0.995  # what a rung did long ago says less


class Cell(Struct, gc=False):
    """What a rung did: numbers that forget for the odds, and whole ones for people."""

    worked: float = 0.0
    failed: float = 0.0
    tried: int = 0
    certified: int = 0
    seconds: float = 0.0
    tokens: int = 0
    calls: int = 0


class Trial(Struct, gc=False):
    """A run that is open."""

    rung: str
    attempts: int = 0
    seconds: float = 0.0
    tokens: int = 0
    calls: int = 0
    is_faulted: bool = False  # by the world, and nothing has come of it since


class Ladder(Struct):
    """Rungs by class of failure, and all classes together."""

    rungs: dict[str, Cell] = field(default_factory=dict)
    classes: dict[str, dict[str, Cell]] = field(default_factory=dict)  # coarse signature → rung → what it did
    class_of: dict[str, str] = field(default_factory=dict)  # open job → its class
    trials: dict[str, Trial] = field(default_factory=dict)  # open run → what it did so far

    def document(self, rows: int) -> dict[str, Any]:
        """What a person reads in state/views/ladder.json."""
        latest = islice(reversed(self.classes.items()), rows)
        return {
            "rungs": {rung: _row(self.rungs[rung]) for rung in sorted(self.rungs)[:rows]},
            "classes": len(self.classes),
            "latest_classes": {
                name: {rung: [cell.certified, cell.tried] for rung, cell in sorted(rungs.items())}
                for name, rungs in latest
            },
        }


def _row(cell: Cell) -> dict[str, Any]:
    tried = cell.tried or 1
    return {
        "tried": cell.tried,
        "certified": cell.certified,
        "at_least": round(at_least(cell.certified, cell.tried), 4),
        "seconds_per_run": cell.seconds / tried,
        "tokens_per_run": cell.tokens / tried,
        "calls_per_run": cell.calls / tried,
    }


def _opened(ladder: Ladder, fact: e.RunOpened) -> None:
    ladder.trials[fact.run] = Trial(fact.rung or BASE)


def _claimed(ladder: Ladder, fact: e.RunClaimed) -> None:
    if trial := ladder.trials.get(fact.run):
        trial.is_faulted = False


def _faulted(ladder: Ladder, fact: e.WorldFaulted) -> None:
    if trial := ladder.trials.get(fact.run):
        trial.is_faulted = True


def _red_gate_held(ladder: Ladder, fact: e.RedGateHeld) -> None:
    ladder.class_of[fact.job] = fact.signature.partition(".")[0]


def _asked(ladder: Ladder, fact: e.Advised | e.Proposed) -> None:
    if trial := ladder.trials.get(fact.run):
        tokens = fact.tokens_in + fact.tokens_out
        trial.is_faulted = False
        trial.attempts += isinstance(fact, e.Proposed)
        trial.seconds += fact.seconds
        trial.tokens += tokens
        if tokens:  # a replay and a template ask no model
            trial.calls += 1


def _took(ladder: Ladder, fact: e.ValuesMeasured | e.AttemptFailed | e.GreenGatePassed) -> None:
    if trial := ladder.trials.get(fact.run):
        trial.seconds += fact.seconds


def _run_settled(ladder: Ladder, fact: e.RunSettled) -> None:
    trial = ladder.trials.pop(fact.run, None)
    if trial is None or trial.is_faulted or not trial.attempts or fact.outcome not in ("certified", "failed"):
        return
    certified = int(fact.outcome == "certified")
    _count(ladder.rungs, trial, certified)
    if name := ladder.class_of.get(fact.job):
        rungs = ladder.classes.pop(name, {})
        ladder.classes[name] = rungs
        keep_last(ladder.classes, CLASSES_KEPT)
        _count(rungs, trial, certified)


def _count(cells: dict[str, Cell], trial: Trial, certified: int) -> None:
    cell = cells.get(trial.rung) or cells.setdefault(trial.rung, Cell())
    cell.worked = cell.worked * FORGOTTEN_PER_RUN + certified
    cell.failed = cell.failed * FORGOTTEN_PER_RUN + (1 - certified)
    cell.tried += 1
    cell.certified += certified
    cell.seconds += trial.seconds
    cell.tokens += trial.tokens
    cell.calls += trial.calls


def _job_settled(ladder: Ladder, fact: e.JobSettled) -> None:
    ladder.class_of.pop(fact.job, None)


FOLD: dict[type[e.Fact], Callable[[Ladder, Any], None]] = {
    e.RunOpened: _opened,
    e.RunClaimed: _claimed,
    e.WorldFaulted: _faulted,
    e.RedGateHeld: _red_gate_held,
    e.Advised: _asked,
    e.Proposed: _asked,
    e.ValuesMeasured: _took,
    e.AttemptFailed: _took,
    e.GreenGatePassed: _took,
    e.RunSettled: _run_settled,
    e.JobSettled: _job_settled,
}
