"""Decisions that are done by being written down. The clock and the dice that they need are read here, once."""

from collections.abc import Sequence

from daemon import events as e
from daemon import steps
from daemon.effects.world import Hands, World
from daemon.events import Fact

JITTER = 0.25  # waits are stretched by up to this share, so that what failed together does not come back together


def _after(world: World, delay_s: float) -> float:
    return world.clock.now() + delay_s * (1 + JITTER * world.dice.random())


async def fail_attempt(step: steps.FailAttempt, _: World) -> Sequence[Fact]:
    """Write down that an attempt is not good enough."""
    return [
        e.AttemptFailed(job=step.job, run=step.run, attempt=step.attempt, failure=step.failure, message=step.message)
    ]


async def go_without(step: steps.GoWithout, _: World) -> Sequence[Fact]:
    """Write down that nobody advises."""
    return [e.Advised(job=step.job, run=step.run, trouble=step.trouble)]


async def remember(step: steps.Remember, _: World) -> Sequence[Fact]:
    """Write down what memory has."""
    return [
        e.Recalled(job=step.job, run=step.run, fixes=step.fixes, shown=step.shown, by=step.by, held_out=step.held_out)
    ]


async def open_run(step: steps.OpenRun, world: World) -> Sequence[Fact]:
    """Put a run in line."""
    opened = e.RunOpened(
        job=step.job,
        run=f"{step.job}.{step.number}",
        number=step.number,
        attempts=step.attempts,
        rung=step.rung,
        priority=step.priority,
        earlier=step.earlier,
        not_before=_after(world, step.delay_s) if step.delay_s else 0.0,
    )
    return [opened]


async def park_run(step: steps.ParkRun, world: World) -> Sequence[Fact]:
    """Put a run back in line."""
    not_before = max(step.until, _after(world, step.delay_s))
    return [e.RunParked(job=step.job, run=step.run, fault=step.fault, not_before=not_before)]


async def settle_run(step: steps.SettleRun, _: World) -> Sequence[Fact]:
    """Close a run."""
    return [e.RunSettled(job=step.job, run=step.run, outcome=step.outcome, reason=step.reason)]


async def settle_job(step: steps.SettleJob, _: World) -> Sequence[Fact]:
    """Close a job."""
    in_vain = [e.FixTried(job=step.job, run=step.run, fix=fix, worked=False) for fix in step.in_vain]
    return [*in_vain, e.JobSettled(job=step.job, outcome=step.outcome, reason=step.reason)]


HANDS: Hands = {
    steps.FailAttempt: fail_attempt,
    steps.GoWithout: go_without,
    steps.Remember: remember,
    steps.OpenRun: open_run,
    steps.ParkRun: park_run,
    steps.SettleRun: settle_run,
    steps.SettleJob: settle_job,
}
