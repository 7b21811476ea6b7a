"""The story of a repair: every branch of it, in one place."""

from typing import assert_never

from daemon import steps
from daemon.policy import ending
from daemon.settings import Settings
from daemon.steps import Step
from daemon.views.jobs import Job, Run


def next_step(job: Job, run: Run, settings: Settings) -> Step:
    """What a repair run in hand does next."""
    del settings  # the attempts allowed were settled when the run was opened
    at = (job.id, run.id, run.number, job.drop)
    attempt = len(run.attempts)
    match run.stage:
        case "opened":
            return steps.PrepareEnvironment(*at)
        case "environment_ready":
            return steps.PrepareWorkspace(*at)
        case "workspace_ready":
            return steps.RunRedGate(*at)
        case "red" | "failed_attempt":
            return steps.Propose(*at, attempt + 1, run.proposer, run.model, run.rung, job.hint)
        case "proposed":
            return steps.ApplyEdits(*at, attempt, run.attempts[-1].answer)
        case "applied":
            return steps.RunGreenGate(*at, attempt)
        case "green" | "measured":
            return steps.Certify(*at, attempt)
        case "certified" | "refused" | "exhausted":
            return ending.settle(job, run, run.stage)
        case unreachable:
            assert_never(unreachable)
