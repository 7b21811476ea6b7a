"""Every ramp under way and the last ones: phases, and each instance with the facts that its numbers come from.

A ramp's jobs are jobs like others; here is kept what the ramp counts of them, so that it outlives them in memory. What
must never enter: a decision, or a whole prompt, answer or patch (those are blobs).
"""

from collections.abc import Callable
from itertools import islice
from typing import Any, Literal

from msgspec import Struct, field

from daemon import events as e
from daemon.views.odds import CLAIM_Z, interval

RAMPS_KEPT = 4  # that are over: enough to compare with the last ones; each may hold thousands of instances
FEEDBACK_KEPT = 30  # attempts of an instance: more than the base runs have
MESSAGE_CHARACTERS = 400  # of each; all of it is in the job's own report

Health = Literal["", "held", "excluded"]
Facts = dict[str, list[int]]  # what is told → the numbers of the facts that say so, or that it is counted from


class Feedback(Struct):
    """What an attempt was told."""

    run: str
    attempt: int
    failure: str
    message: str
    seq: int


class Instance(Struct):
    """One instance, and what became of it."""

    name: str
    job: str = ""
    project: str = ""
    health: Health = ""
    cause: str = ""  # of its exclusion
    red: str = ""
    gold: str = ""  # what is still to be seen of the gold patch; "" is nothing
    green: str = ""
    parked: str = ""  # the run that waits, for whatever reason
    parked_for: str = ""
    parked_until: float = 0.0
    is_open: bool = False
    is_again: bool = False  # to be opened again
    is_cancelled: bool = False
    outcome: str = ""
    before: str = ""  # its outcome the last time
    error: str = ""
    failure: str = ""  # the class of the last failed attempt
    runs: int = 0
    attempts: int = 0
    tokens: int = 0
    busy_s: float = 0.0  # with a worker
    accepted_at: float = 0.0
    settled_at: float = 0.0
    feedback: list[Feedback] = []
    has_crashed: bool = False
    patch: str = ""
    certificate: str = ""
    facts: Facts = {}

    @property
    def is_told(self) -> bool:
        """Whether it is known if the instance is viable."""
        return bool(self.job) and (self.health == "excluded" or (self.health == "held" and not self.gold))


class Phase(Struct):
    """A phase that was opened."""

    number: int
    size: int
    target: float
    opened_at: float
    viable: list[str] = []
    excluded: dict[str, str] = {}
    is_released: bool = False
    is_settled: bool = False
    solved: int = 0
    released_at: float = 0.0
    settled_at: float = 0.0
    reason: str = ""
    facts: Facts = {}


class Ramp(Struct):
    """One ramp."""

    id: str
    title: str
    blob: str
    sizes: list[int]
    targets: list[float]
    gold_check: bool
    source: str
    accepted_at: float
    instances: dict[str, Instance]
    phases: list[Phase] = []
    cancel_asked: bool = False
    settled: e.RampSettled | None = None

    @property
    def phase(self) -> Phase | None:
        """The phase that is under way, or was last."""
        return self.phases[-1] if self.phases else None

    def within(self, size: int) -> list[Instance]:
        """The instances of a phase."""
        return list(islice(self.instances.values(), size))

    def unsolved(self) -> list[str]:
        """What of the last phase is not certified: of the viable, or of all while nobody knows who that is.

        What was excluded, if that is all there is.
        """
        if self.phase is None:
            return []
        excluded = self.phase.excluded
        tried = [row.name for row in self.within(self.phase.size) if row.job and row.name not in excluded]
        wanted = self.phase.viable if self.phase.is_released else tried
        failed = [name for name in wanted if self.instances[name].outcome != "certified"]
        return failed or ([] if self.phase.viable else list(self.phase.excluded))


class Ramps(Struct):
    """All ramps, as far as anybody needs them in memory."""

    accepted: int = 0
    ramps: dict[str, Ramp] = field(default_factory=dict)
    places: dict[str, tuple[str, str]] = field(default_factory=dict)  # job → its ramp, its name there
    in_hand: dict[str, tuple[float, int]] = field(default_factory=dict)  # a run of theirs → since when, by which fact

    def under_way(self) -> list[Ramp]:
        """Those that are not over."""
        return [ramp for ramp in self.ramps.values() if ramp.settled is None]

    def of(self, name: str) -> Ramp | None:
        """The ramp of that id, or the one that has a job of that id."""
        return self.ramps.get(self.places[name][0] if name in self.places else name)

    def instance(self, job: str) -> Instance | None:
        """The instance that is this job, if it is one."""
        if job not in self.places:
            return None
        ramp, name = self.places[job]
        return self.ramps[ramp].instances[name]

    def is_climbing(self, job: str) -> bool:
        """Whether this is a job of a ramp that is not over."""
        return (ramp := self.of(job)) is not None and ramp.settled is None

    def document(self, rows: int) -> dict[str, Any]:
        """What a person reads in state/views/ramp.json."""
        last = reversed(self.ramps.values())
        return {"accepted": self.accepted, "ramps": [_row(ramp, rows) for ramp in last]}


def _row(ramp: Ramp, rows: int) -> dict[str, Any]:
    phase, settled = ramp.phase, ramp.settled
    shown = ramp.within(phase.size) if phase else []
    shown.sort(key=lambda row: (row.outcome == "certified", row.is_open, row.health == "excluded"))
    return {
        "ramp": ramp.id,
        "source": ramp.source,
        "title": ramp.title,
        "accepted_at": ramp.accepted_at,
        "instances": len(ramp.instances),
        "sizes": ramp.sizes,
        "targets": ramp.targets,
        "outcome": settled.outcome if settled else "",
        "reason": settled.reason if settled else "",
        "ended_by": settled.seq if settled else 0,
        "phases": [_phase_row(ramp, each) for each in ramp.phases],
        "diagnosis": _diagnosis(settled, rows) if settled else None,
        "failed_or_open_first": [_instance_row(row) for row in shown[:rows]],
    }


def _phase_row(ramp: Ramp, phase: Phase) -> dict[str, Any]:
    within = ramp.within(phase.size)
    counted = within if not phase.is_released else [ramp.instances[name] for name in phase.viable]
    solved = phase.solved if phase.is_settled else sum(row.outcome == "certified" for row in counted)
    viable = len(phase.viable) if phase.is_released else None
    over = [row for row in within if row.settled_at and row.health == "held"]
    waiting = [row for row in within if row.is_open and row.parked and (phase.is_released or not row.is_told)]
    first = min(waiting, key=lambda row: row.parked_until, default=None)
    return {
        "phase": phase.number,
        "size": phase.size,
        "target": phase.target,
        "told": sum(row.is_told for row in within),
        "viable": viable,
        "excluded": len(phase.excluded) if phase.is_released else sum(row.health == "excluded" for row in within),
        "solved": solved,
        "open": sum(row.is_open for row in counted),
        "waiting": len(waiting),  # for the world; who waits for the health of the others is told of
        "first_waits_for": first.parked_for if first else "",
        "first_waits_until": first.parked_until if first else None,
        "interval": interval(solved, viable, CLAIM_Z) if viable else (0.0, 1.0),
        "busy_s": sum(row.busy_s for row in over),
        "measured": len(over),
        "opened_at": phase.opened_at,
        "released_at": phase.released_at or None,
        "settled_at": phase.settled_at or None,
        "reason": phase.reason,
    }


def _diagnosis(settled: e.RampSettled, rows: int) -> dict[str, Any]:
    return {
        "failed": settled.failed[:rows],
        "repeated": settled.repeated[:rows],
        "newly_solved": settled.newly_solved[:rows],
        "newly_broken": settled.newly_broken[:rows],
        "repositories": settled.repositories,
        "causes": settled.causes,
        "failures": settled.failures,
        "command": settled.command,
    }


def _instance_row(row: Instance) -> dict[str, Any]:
    return {
        "instance": row.name,
        "job": row.job,
        "health": row.health,
        "outcome": row.outcome,
        "attempts": row.attempts,
        "why": row.cause or row.error,
    }


# Ramps and their phases


def _accepted(ramps: Ramps, fact: e.RampAccepted) -> None:
    ramps.accepted += 1
    before = {row.name: row.outcome for ramp in ramps.ramps.values() for row in ramp.instances.values() if row.outcome}
    rows = {name: Instance(name, before=before.get(name, "")) for name in fact.instances}
    ramps.ramps[fact.ramp] = Ramp(
        fact.ramp, fact.title, fact.blob, fact.phases, fact.targets, fact.gold_check, fact.source, fact.at, rows
    )


def _reopened(ramps: Ramps, fact: e.RampReopened) -> None:
    ramp = ramps.ramps[fact.ramp]
    ramp.settled, ramp.cancel_asked = None, False
    for row in ramp.instances.values():
        row.before, row.is_cancelled = row.outcome or row.before, False
    for name in fact.instances:
        ramp.instances[name].is_again = True
    if phase := ramp.phase:
        phase.is_released = phase.is_settled = False
        phase.opened_at, phase.facts = fact.at, {"opened": [fact.seq]}


def _cancel_asked(ramps: Ramps, fact: e.CancelAsked) -> None:
    if ramp := ramps.ramps.get(fact.job):
        ramp.cancel_asked = True
    elif row := ramps.instance(fact.job):
        row.is_cancelled = True


def _phase_opened(ramps: Ramps, fact: e.PhaseOpened) -> None:
    ramp = ramps.ramps[fact.ramp]
    target = ramp.targets[fact.phase - 1]
    ramp.phases = [*ramp.phases, Phase(fact.phase, fact.size, target, fact.at, facts={"opened": [fact.seq]})]


def _phase_released(ramps: Ramps, fact: e.PhaseReleased) -> None:
    phase = ramps.ramps[fact.ramp].phases[-1]
    phase.viable, phase.excluded = fact.viable, fact.excluded
    phase.is_released, phase.released_at = True, fact.at
    phase.facts = noted(phase.facts, "released", fact)
    _due(ramps, fact)


def _phase_settled(ramps: Ramps, fact: e.PhaseSettled) -> None:
    phase = ramps.ramps[fact.ramp].phases[-1]
    phase.is_settled, phase.solved, phase.reason = True, fact.solved, fact.reason
    phase.settled_at = fact.at
    phase.facts = noted(phase.facts, "settled", fact)


def _ramp_settled(ramps: Ramps, fact: e.RampSettled) -> None:
    ramps.ramps[fact.ramp].settled = fact
    over = [ramp for ramp in ramps.ramps.values() if ramp.settled is not None]
    for ramp in over[:-RAMPS_KEPT]:
        del ramps.ramps[ramp.id]
        for row in ramp.instances.values():
            ramps.places.pop(row.job, None)


# Their jobs


def _opened(ramps: Ramps, fact: e.JobAccepted | e.JobReopened) -> None:
    if not fact.ramp or fact.ramp not in ramps.ramps:
        return
    ramp = ramps.ramps[fact.ramp]
    ramps.places[fact.job] = (fact.ramp, fact.instance)
    ramp.instances[fact.instance] = Instance(
        fact.instance,
        fact.job,
        fact.project,
        gold="not judged yet" if fact.gold else "",
        is_open=True,
        before=ramp.instances[fact.instance].before,
        runs=getattr(fact, "runs_before", 0),
        accepted_at=fact.at,
        facts={"opened": [fact.seq]},
    )


def _run_opened(ramps: Ramps, fact: e.RunOpened) -> None:
    if row := ramps.instance(fact.job):
        row.runs += 1
        _note(row, "runs", fact)


def _claimed(ramps: Ramps, fact: e.RunClaimed) -> None:
    if row := ramps.instance(fact.job):
        row.parked = ""
        ramps.in_hand[fact.run] = fact.at, fact.seq


def _let_go(ramps: Ramps, row: Instance, fact: e.OfRun) -> None:
    if held := ramps.in_hand.pop(fact.run, None):
        since, claim = held
        row.busy_s += fact.at - since
        row.facts = row.facts | {"seconds": [*row.facts.get("seconds", ()), claim, fact.seq]}


def _parked(ramps: Ramps, fact: e.RunParked) -> None:
    if row := ramps.instance(fact.job):
        _let_go(ramps, row, fact)
        row.parked, row.parked_for, row.parked_until = fact.run, fact.fault, fact.not_before


def _due(ramps: Ramps, fact: e.RunDue | e.PhaseReleased) -> None:
    for run in fact.runs:
        if (row := ramps.instance(run.partition(".")[0])) and row.parked == run:
            row.parked = ""


def _run_settled(ramps: Ramps, fact: e.RunSettled) -> None:
    if row := ramps.instance(fact.job):
        _let_go(ramps, row, fact)
        row.parked = ""
        row.error = fact.reason


def _red(ramps: Ramps, fact: e.RedGateHeld) -> None:
    if (row := ramps.instance(fact.job)) and not row.health:
        row.health, row.red = "held", fact.message[:MESSAGE_CHARACTERS]
        _note(row, "red", fact)


def _gold_checked(ramps: Ramps, fact: e.GoldChecked) -> None:
    if row := ramps.instance(fact.job):
        row.gold = ""
        _note(row, "gold", fact)
        if not fact.passed:
            row.health, row.cause = "excluded", f"the gold patch does not go green: {fact.message[:MESSAGE_CHARACTERS]}"


def _refused(ramps: Ramps, fact: e.RunRefused) -> None:
    if row := ramps.instance(fact.job):
        row.health, row.cause = "excluded", f"{fact.verdict}: {fact.cause[:MESSAGE_CHARACTERS]}"
        _note(row, "refused", fact)


def _proposed(ramps: Ramps, fact: e.Advised | e.Proposed) -> None:
    row, tokens = ramps.instance(fact.job), fact.tokens_in + fact.tokens_out
    if row and tokens:  # a replay and a template ask no model
        row.tokens += tokens
        _note(row, "tokens", fact)


def _attempt_failed(ramps: Ramps, fact: e.AttemptFailed) -> None:
    if row := ramps.instance(fact.job):
        row.attempts += 1
        row.failure = fact.failure
        row.green = fact.message[:MESSAGE_CHARACTERS]
        told = Feedback(fact.run, fact.attempt, fact.failure, row.green, fact.seq)
        row.feedback = [*row.feedback, told][-FEEDBACK_KEPT:]
        _note(row, "attempts", fact)


def _passed(ramps: Ramps, fact: e.GreenGatePassed) -> None:
    if row := ramps.instance(fact.job):
        row.attempts += 1
        row.failure, row.green = "", f"{fact.fixed} fixed, {fact.kept} kept"
        _note(row, "attempts", fact)


def _crashed(ramps: Ramps, fact: e.StepCrashed) -> None:
    if row := ramps.instance(fact.job):
        row.has_crashed = True


def _certified(ramps: Ramps, fact: e.Certified) -> None:
    if row := ramps.instance(fact.job):
        row.patch, row.certificate = fact.patch, fact.certificate
        _note(row, "certified", fact)


def _job_settled(ramps: Ramps, fact: e.JobSettled) -> None:
    if row := ramps.instance(fact.job):
        row.outcome, row.is_open, row.settled_at = fact.outcome, False, fact.at
        row.error = "" if fact.outcome == "certified" else fact.reason[:MESSAGE_CHARACTERS]
        if not row.is_told:  # it ended before anybody saw the tests fail, or the gold patch go green
            row.health, row.cause = "excluded", f"it could not be judged: {row.error}"
        _note(row, "settled", fact)


def _put_down(ramps: Ramps, _: e.DaemonStarted | e.DaemonStopped) -> None:
    ramps.in_hand.clear()


def _note(row: Instance, what: str, fact: e.Fact) -> None:
    row.facts = noted(row.facts, what, fact)


def noted(facts: Facts, what: str, fact: e.Fact) -> Facts:
    """These facts, and one more for something. Made anew, for who keeps a phase as it settled keeps these."""
    return facts | {what: [*facts.get(what, ()), fact.seq]}


FOLD: dict[type[e.Fact], Callable[[Ramps, Any], None]] = {
    e.RampAccepted: _accepted,
    e.RampReopened: _reopened,
    e.CancelAsked: _cancel_asked,
    e.PhaseOpened: _phase_opened,
    e.PhaseReleased: _phase_released,
    e.PhaseSettled: _phase_settled,
    e.RampSettled: _ramp_settled,
    e.JobAccepted: _opened,
    e.JobReopened: _opened,
    e.RunOpened: _run_opened,
    e.RunDue: _due,
    e.RunClaimed: _claimed,
    e.RunParked: _parked,
    e.RunSettled: _run_settled,
    e.RedGateHeld: _red,
    e.GoldChecked: _gold_checked,
    e.RunRefused: _refused,
    e.Advised: _proposed,
    e.Proposed: _proposed,
    e.AttemptFailed: _attempt_failed,
    e.GreenGatePassed: _passed,
    e.StepCrashed: _crashed,
    e.Certified: _certified,
    e.JobSettled: _job_settled,
    e.DaemonStarted: _put_down,
    e.DaemonStopped: _put_down,
}
