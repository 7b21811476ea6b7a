"""The ramp: one phase at a time, health before anything is spent, and an end that says what stood in the way.

Pure as all of policy. What a log lost its end of is seen here as missing, and opened again; who was certified in an
earlier phase counts and is not run again.
"""

from collections import Counter
from collections.abc import Sequence

from daemon import steps
from daemon.events import RampOutcome, RampSettled
from daemon.steps import Step
from daemon.views.jobs import Job, Run
from daemon.views.odds import CLAIM_Z, interval
from daemon.views.ramp import Instance, Phase, Ramp

UNTIL_RELEASED = 4_102_444_800.0  # the year 2100, in Unix seconds: it is a fact that ends this wait, not the clock
AGAIN = "python tools/ramp.py --again {}"
ON_THE_WAY = ("unreadable_answer", "edit_did_not_land")  # what got lost between the model and its test


def next_step(ramp: Ramp, accepted: int) -> Step | None:
    """What the ramp does next, when so many jobs have been accepted; nothing while its jobs are all there is to do."""
    if ramp.settled is not None:
        return None
    if ramp.cancel_asked:
        return _cancel(ramp)
    phase = ramp.phase
    return _climb(ramp, phase, accepted) if phase else steps.OpenPhase(ramp.id, 1, ramp.sizes[0])


def _climb(ramp: Ramp, phase: Phase, accepted: int) -> Step | None:
    """Open what is missing, wait for health, release, wait for the end, count."""
    rows = ramp.within(phase.size)
    if openings := _openings(rows, accepted):
        return steps.OpenInstances(ramp.id, phase.number, ramp.blob, openings, ramp.gold_check)
    if not phase.is_released:
        return _release(ramp, phase, rows) if all(row.is_told for row in rows) else None
    if any(ramp.instances[name].is_open for name in phase.viable):
        return None
    return _go_on(ramp, phase) if phase.is_settled else _settle_phase(ramp, phase)


def wait_for_health(job: Job, run: Run) -> Step | None:
    """What a run does whose tests are red, and whose phase was not released yet; None for all others."""
    if not job.phase or run.stage != "red":
        return None
    if job.gold:
        return steps.CheckGold(job.id, run.id, run.number, job.drop, run.evidence, job.gold, job.instance)
    return steps.ParkRun(job.id, run.id, f"waits for the health of phase {job.phase}", until=UNTIL_RELEASED)


def _openings(rows: Sequence[Instance], accepted: int) -> list[steps.Opening]:
    """The instances that have no job yet, and those to be tried again."""
    found: list[steps.Opening] = []
    for place, row in enumerate(rows):
        if row.job and row.is_again and not row.is_open:
            found.append(steps.Opening(row.name, place, row.job, row.runs, is_again=True))
        elif not row.job:
            accepted += 1
            found.append(steps.Opening(row.name, place, f"r-{accepted:06d}"))
    return found


def _release(ramp: Ramp, phase: Phase, rows: Sequence[Instance]) -> Step:
    viable = [row for row in rows if row.health == "held"]
    excluded = {row.name: row.cause for row in rows if row.health == "excluded"}
    waiting = [row for row in viable if row.is_open]
    return steps.ReleasePhase(
        ramp.id,
        phase.number,
        [row.name for row in viable],
        excluded,
        [row.job for row in waiting],
        [row.parked for row in waiting if row.parked],
    )


def _settle_phase(ramp: Ramp, phase: Phase) -> Step:
    solved, viable = len(_solved(ramp, phase)), len(phase.viable)
    low, high = interval(solved, viable, CLAIM_Z) if viable else (0.0, 1.0)
    share = f" ({solved / viable:.0%}, 95 % interval {low:.0%} to {high:.0%})" if viable else ""
    reason = f"{solved} of {viable} viable solved{share}; {phase.target:.0%} wanted; {len(phase.excluded)} excluded"
    return steps.SettlePhase(ramp.id, phase.number, solved, viable, reason)


def _go_on(ramp: Ramp, phase: Phase) -> Step:
    """What follows a phase that is over."""
    if not phase.viable:
        return _settle(ramp, "stopped", f"nothing of phase {phase.number} could be judged here")
    if phase.solved < phase.target * len(phase.viable):
        return _settle(ramp, "stopped", f"phase {phase.number} missed its target: {phase.reason}")
    if phase.number < len(ramp.sizes):
        return steps.OpenPhase(ramp.id, phase.number + 1, ramp.sizes[phase.number])
    phases = "its phase reached its target" if phase.number == 1 else f"all {phase.number} phases reached their targets"
    return _settle(ramp, "reached", f"{phases}: {phase.reason}")


def _cancel(ramp: Ramp) -> Step | None:
    going = [row for row in ramp.instances.values() if row.is_open]
    if jobs := [row.job for row in going if not row.is_cancelled]:
        return steps.CancelInstances(ramp.id, jobs)
    return None if going else _settle(ramp, "cancelled", "given up on request")


def _solved(ramp: Ramp, phase: Phase) -> list[str]:
    return [name for name in phase.viable if ramp.instances[name].outcome == "certified"]


# The diagnosis


def _settle(ramp: Ramp, outcome: RampOutcome, reason: str) -> Step:
    phase = ramp.phase
    rows = ramp.within(phase.size) if phase else []
    is_tried = phase is not None and phase.is_released  # who was given up before has not failed
    failed = [ramp.instances[name] for name in ramp.unsolved()] if is_tried else []
    causes = Counter(cause_of(row) for row in failed)
    settled = RampSettled(
        ramp=ramp.id,
        outcome=outcome,
        reason=reason,
        failed=[row.name for row in failed],
        repeated=[row.name for row in failed if row.before not in ("", "certified")],
        newly_solved=[row.name for row in rows if row.outcome == "certified" and row.before not in ("", "certified")],
        newly_broken=[row.name for row in failed if row.before == "certified"],
        repositories=dict(Counter(row.project for row in failed).most_common()),
        causes=dict(causes.most_common()),
        failures=dict(Counter(row.failure or "no attempt" for row in failed).most_common()),
        command=AGAIN.format(ramp.id) if outcome == "cancelled" else _command(ramp, failed, causes),
    )
    return steps.SettleRamp(ramp.id, settled)


def cause_of(row: Instance) -> str:
    """Who is to be looked at first for an instance that failed: where it ran, how it was led, or who answered."""
    if row.health == "excluded" or row.outcome == "refused":
        return "environment"
    is_lost = row.has_crashed or not row.attempts or row.failure in ON_THE_WAY
    return "orchestration" if is_lost else "model"


def _command(ramp: Ramp, failed: Sequence[Instance], causes: Counter[str]) -> str:
    """The next command to type."""
    if not failed:
        return f"python -m daemon explain {ramp.id}"
    cause = causes.most_common(1)[0][0]
    first = next(row for row in failed if cause_of(row) == cause)
    return {
        "environment": f"python -m daemon explain {first.job}",
        "orchestration": "python tools/doctor.py",
        "model": AGAIN.format(ramp.id),
    }[cause]
