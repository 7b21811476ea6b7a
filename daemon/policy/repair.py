"""The story of a repair: every branch of it, in one place."""

from typing import assert_never

from daemon import steps
from daemon.policy import asking, ending, memory
from daemon.policy.known import NOTHING, Known
from daemon.settings import Settings
from daemon.steps import Attempt, Step
from daemon.views.jobs import Job, Run


def next_step(job: Job, run: Run, settings: Settings, known: Known = NOTHING) -> Step:
    """What a repair run in hand does next."""
    at = (job.id, run.id, run.number, job.drop)
    attempt = len(run.attempts)
    match run.stage:
        case "opened":
            return steps.PrepareEnvironment(*at)
        case "environment_ready":
            return steps.PrepareWorkspace(*at)
        case "workspace_ready":
            return steps.RunRedGate(*at, _seen_red(job))
        case "red" | "planned" | "failed_attempt":
            if not job.is_recalled:
                return memory.ask(job, run, settings, known)
            return asking.look_first(job, run, settings, known) or asking.propose(job, run, settings, known)
        case "proposed":
            last = run.attempts[-1]
            return steps.ApplyEdits(*at, attempt, last.answer, last.is_cut_off, asking.limit_of(run))
        case "applied":
            if same := _tested_before(job, run):
                message = f"this is the very change that failed before: {same.failure}: {same.message}"
                return steps.FailAttempt(job.id, run.id, attempt, "same_answer", message)
            return steps.RunGreenGate(*at, attempt, run.evidence, run.attempts[-1].changes)
        case "green" if run.attempts[-1].proposer == "model":  # a search has minimised already
            return steps.Minimise(*at, attempt, run.evidence, run.attempts[-1].changes)
        case "green" | "minimal" | "measured":
            return steps.Certify(
                *at,
                attempt,
                run.attempts[-1].proposer,
                run.model,
                run.model_digest,
                run.evidence,
                attempts=list(run.attempts),
                shown=memory.shown(job, known.fixes),
                project=job.project,
                rung=run.rung,
                limit=asking.limit_of(run),
                diagnosis=run.advice.answer if run.advice else "",
                advisor=run.advisor,
            )
        case "certified" | "refused" | "exhausted":
            return ending.settle(job, run, run.stage)
        case unreachable:
            assert_never(unreachable)


def _seen_red(job: Job) -> str:
    """What an earlier run of the job saw at the red gate."""
    return next((run.evidence for run in job.runs.values() if run.evidence), "")


def _tested_before(job: Job, run: Run) -> Attempt | None:
    """The attempt, of whatever run, that came to the same and failed its test."""
    last = run.attempts[-1]
    attempts = (attempt for each in job.runs.values() for attempt in each.attempts if attempt is not last)
    tested = (attempt for attempt in attempts if attempt.meaning and attempt.failure)
    return next((attempt for attempt in tested if attempt.meaning == last.meaning), None)
