"""The story of an idea: a run whose workspace starts empty, judged by a score. Every branch of it, in one place."""

from typing import assert_never

from daemon import steps
from daemon.policy import asking, ending
from daemon.policy.known import NOTHING, Known
from daemon.settings import Settings
from daemon.steps import Step
from daemon.views.jobs import Job, Run


def next_step(job: Job, run: Run, settings: Settings, known: Known = NOTHING) -> Step:
    """What a run that writes a project does next."""
    at = (job.id, run.id, run.number, job.drop)
    attempt = len(run.attempts)
    match run.stage:
        case "opened" | "environment_ready":
            return steps.PrepareWorkspace(*at)
        case "workspace_ready" | "red" | "failed_attempt":
            return asking.propose(job, run, settings, known)
        case "proposed":
            return steps.ApplyEdits(*at, attempt, run.attempts[-1].answer, run.attempts[-1].is_cut_off)
        case "applied" | "green" | "minimal":
            return steps.MeasureProject(*at, attempt)
        case "measured":
            score = run.attempts[-1].score or 0
            if score >= settings.passing_score:
                return steps.Certify(*at, attempt)
            findings = "; ".join(run.attempts[-1].findings)
            message = f"score {score}, {settings.passing_score} passes: {findings}"
            return steps.FailAttempt(job.id, run.id, attempt, "low_score", message)
        case "certified" | "refused" | "exhausted":
            return ending.settle(job, run, run.stage)
        case unreachable:
            assert_never(unreachable)
