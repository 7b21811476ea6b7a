"""How a run ends, which is the same for every story."""

from typing import Literal, assert_never

from daemon import steps
from daemon.steps import Step
from daemon.text.shown import many
from daemon.views.jobs import Job, Run


def settle(job: Job, run: Run, stage: Literal["certified", "refused", "exhausted"]) -> Step:
    """Close a run that has come to its end, and say why."""
    match stage:
        case "certified":
            return steps.SettleRun(job.id, run.id, "certified")
        case "refused":
            return steps.SettleRun(job.id, run.id, "refused", f"{run.verdict}: {run.cause}")
        case "exhausted":
            last, tried = run.attempts[-1], len(run.attempts)
            all_of_them = many(run.attempts_allowed, "attempt")
            reason = f"{tried} of {all_of_them} failed; the last: {last.failure}: {last.message}"
            return steps.SettleRun(job.id, run.id, "failed", reason)
        case unreachable:
            assert_never(unreachable)
