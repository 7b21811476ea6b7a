"""The story of an idea: a run whose workspace starts empty, judged by a score. Every branch of it, in one place."""

from typing import assert_never

from daemon import steps
from daemon.policy import asking, ending
from daemon.policy.known import NOTHING, Known
from daemon.settings import Settings
from daemon.steps import Attempt, Step
from daemon.views.jobs import Job, Run


def next_step(job: Job, run: Run, settings: Settings, known: Known = NOTHING) -> Step:
    """What a run that writes a project does next."""
    at = (job.id, run.id, run.number, job.drop)
    attempt = len(run.attempts)
    plan = run.plan.answer if run.plan else ""
    match run.stage:
        case "opened" | "environment_ready":
            return steps.PrepareWorkspace(*at)
        case "workspace_ready" | "red" | "planned" | "failed_attempt":
            return asking.propose(job, run, settings, known)
        case "proposed":
            last, stands = run.attempts[-1], _standing(run)
            return steps.ApplyEdits(*at, attempt, last.answer, last.is_cut_off, evidence=plan, changes=stands)
        case "applied" | "green" | "minimal":
            if same := _measured_before(job, run):
                message = f"this is the very project that came before: {same.message}"
                return steps.FailAttempt(job.id, run.id, attempt, "same_answer", message)
            return steps.MeasureProject(*at, attempt, plan, run.attempts[-1].changes)
        case "measured":
            score = run.attempts[-1].score or 0
            if score >= settings.passing_score:
                return _certify(job, run)
            findings = "\n".join(run.attempts[-1].findings)
            message = f"score {score}, {settings.passing_score} passes:\n{findings}"
            return steps.FailAttempt(job.id, run.id, attempt, "low_score", message)
        case "certified" | "refused" | "exhausted":
            return ending.settle(job, run, run.stage)
        case unreachable:
            assert_never(unreachable)


def _certify(job: Job, run: Run) -> Step:
    return steps.Certify(
        job.id,
        run.id,
        run.number,
        job.drop,
        len(run.attempts),
        "model",
        run.model,
        run.model_digest,
        run.plan.answer if run.plan else "",
        list(run.attempts),
        project=job.project,
        rung=run.rung,
    )


def _standing(run: Run) -> str:
    """The project that the edits of an answer are made to: what landed last."""
    return next((attempt.changes for attempt in reversed(run.attempts) if attempt.changes), "")


def _measured_before(job: Job, run: Run) -> Attempt | None:
    """The attempt, of whatever run, that came to the same project and had not enough points."""
    last = run.attempts[-1]
    attempts = (attempt for each in job.runs.values() for attempt in each.attempts if attempt is not last)
    return next((one for one in attempts if one.tree and one.tree == last.tree and one.failure == "low_score"), None)
