"""How much may be spent on a job and on a day: asked before a model is, so that no job is ever asked about too often.

Every attempt is counted by its facts, so the books are right after any crash; calls of the job's other runs that are
under way are counted too. What an answer takes is known when it is there: tokens, seconds, money and the day's limits
may be exceeded by what is in hand. What hosted models may cost ever is kept where they are asked, for only there prices
are known, and is never exceeded (`effects/models/budget.py`).
"""

from daemon import steps
from daemon.policy.asking import asks_a_model
from daemon.settings import Settings
from daemon.steps import Step
from daemon.views.jobs import DAY_S, Job, Run, Today


def next_step(job: Job, run: Run, settings: Settings, today: Today) -> Step | None:
    """What follows for a run that would ask a model now, and may not."""
    if not asks_a_model(job, run):
        return None
    if reason := spent(job, settings, _under_way(job, run)):
        return steps.SettleRun(job.id, run.id, "failed", reason)
    for what, used, most in (
        ("model calls", today.calls, settings.day_model_calls),
        ("tokens", today.tokens, settings.day_tokens),
        ("seconds", int(today.seconds), settings.day_s),
        ("USD", today.usd, settings.day_usd),
    ):
        if most and used >= most:
            fault = f"day_budget: {used:.10g} of {most:.10g} {what} of this day are spent; it goes on at midnight UTC"
            return steps.ParkRun(job.id, run.id, fault, until=float((today.day + 1) * DAY_S))
    return None


def _under_way(job: Job, run: Run) -> int:
    """How many of the job's other runs are waiting for an answer now: whoever is in hand and may ask has asked."""
    return sum(other is not run and other.state == "running" and asks_a_model(job, other) for other in job.open_runs())


def spent(job: Job, settings: Settings, under_way: int = 0) -> str:
    """Why no model may be asked about this job any more; empty while one may."""
    asked = [each for run in job.runs.values() for each in run.rounds() if each.proposer == "model"]
    for what, used, most in (
        ("model calls", len(asked) + under_way, settings.job_model_calls),
        ("tokens", sum(each.tokens for each in asked), settings.job_tokens),
        ("seconds", int(sum(each.seconds for each in asked)), settings.job_s),
        ("USD", sum(each.cost_usd for each in asked), settings.job_usd),
    ):
        if most and used >= most:
            return f"the job's budget is spent: {used:.10g} of {most:.10g} {what}"
    return ""
