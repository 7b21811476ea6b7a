"""State → step: every decision. No clock, no dice, no disk: the same state always gives the same step."""

from daemon.policy import budget, idea, ramp, repair, trouble
from daemon.policy.known import NOTHING, Known
from daemon.settings import Settings
from daemon.steps import Step
from daemon.views.jobs import Job, Run

STORIES = {"repair": repair.next_step, "idea": idea.next_step}


def next_step(job: Job, run: Run, settings: Settings, known: Known = NOTHING) -> Step | None:
    """What a run does next; None when it is not in anybody's hand."""
    if run.state != "running":
        return None
    return (
        trouble.next_step(job, run, settings)
        or ramp.wait_for_health(job, run)
        or budget.next_step(job, run, settings, known.today)
        or STORIES[job.kind](job, run, settings, known)
    )
