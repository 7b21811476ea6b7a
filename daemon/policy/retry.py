"""What a job leads to when something about it changed: a first run, another one, the rungs, an end."""

from daemon import steps
from daemon.policy import budget
from daemon.policy.dice import seed_of
from daemon.policy.ladder import KNOWN, from_rung
from daemon.policy.order import order
from daemon.policy.trouble import backoff
from daemon.settings import Settings
from daemon.steps import Step
from daemon.text.shown import many
from daemon.views.jobs import Job
from daemon.views.ladder import Ladder


def decide(job: Job, settings: Settings, ladder: Ladder | None = None) -> list[Step]:
    """What to do about the job now; nothing while its open runs are all there is to do."""
    runs = job.runs.values()
    if job.cancel_asked:
        return _end(job, steps.SettleJob(job.id, "cancelled", "given up on request"))
    for run in runs:
        if run.outcome == "certified":
            return _end(job, steps.SettleJob(job.id, "certified", f"by run {run.id}"))
        if run.outcome == "refused":
            return _end(job, steps.SettleJob(job.id, "refused", run.reason))
    base = [run for run in runs if not run.rung]
    if reason := budget.spent(job, settings):
        return [] if job.open_runs() else [_give_up(job, f"{reason}; {_what_stopped_it(job)}")]
    if not job.rung and len(base) < settings.base_runs:
        return [] if job.open_runs() else [_base_run(job, len(base), settings)]
    return _escalate(job, settings, ladder or Ladder())


def _base_run(job: Job, failed: int, settings: Settings) -> Step:
    delay_s = backoff(failed, settings.run_backoff_s, settings.run_backoff_max_s) if failed else 0.0
    return _open(job, failed, settings.attempts_per_run, delay_s=delay_s)


def _escalate(job: Job, settings: Settings, ladder: Ladder) -> list[Step]:
    open_runs = job.open_runs()
    if any(not run.rung for run in open_runs):
        return []
    free = max(0, settings.runs_abreast - len(open_runs))
    opened: list[Step] = []
    for name in _next_rungs(job, ladder)[:free]:
        rung = KNOWN[name]
        attempts = rung.attempts * rung.sampling.samples
        opened.append(_open(job, len(job.runs) + len(opened), attempts, rung=name))
    if opened or open_runs:
        return opened
    return [_give_up(job, _what_stopped_it(job))]


def _give_up(job: Job, reason: str) -> Step:
    """Close a job that nothing has mended; what its models were shown has not helped."""
    asked = [run.id for run in job.runs.values() if any(attempt.proposer == "model" for attempt in run.attempts)]
    return steps.SettleJob(job.id, "failed", reason, asked[-1] if asked else "", job.shown if asked else [])


def _next_rungs(job: Job, ladder: Ladder) -> list[str]:
    """The rungs that are left, those that are likely to help first. The job is the seed: what is known decides."""
    tried = {run.rung for run in job.runs.values()}
    untried = [rung.id for rung in from_rung(job.rung) if rung.id not in tried]
    signature = next((run.signature for run in job.runs.values() if run.signature), "")
    return order(ladder, signature, untried, seed_of(job.id, len(job.runs)))


def _open(job: Job, earlier: int, attempts: int, *, rung: str = "", delay_s: float = 0.0) -> Step:
    return steps.OpenRun(job.id, job.runs_before + earlier + 1, attempts, rung, job.priority, earlier, delay_s)


def _end(job: Job, settle: steps.SettleJob) -> list[Step]:
    reason = f"the job is {settle.outcome}"
    return [*(steps.SettleRun(job.id, run.id, "cancelled", reason) for run in job.open_runs()), settle]


def _what_stopped_it(job: Job) -> str:
    """One sentence on a job that exhausted everything: how much was tried, and what came nearest."""
    attempts = [attempt for run in job.runs.values() for attempt in run.attempts]
    best = job.nearest()
    [last, *_] = list(job.runs.values())[-1].reason.splitlines() or ["it says nothing"]
    nearest = f"; the nearest fixed {many(best.fixed, 'test')}" if best is not None else ""
    tried = f"{many(len(job.runs), 'run')} with {many(len(attempts), 'attempt')}"
    return f"{tried} failed{nearest}; the last run: {last}"
