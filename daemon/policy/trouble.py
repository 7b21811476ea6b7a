"""What comes before any story: the world's faults, crashes of our own hands, and deaths of the daemon."""

from daemon import steps
from daemon.policy import asking
from daemon.settings import Settings
from daemon.steps import Step
from daemon.text.shown import many
from daemon.views.jobs import Job, Run

# Waiting mends neither a spent budget nor a prompt that no window holds: another rung may do without.
LASTING = frozenset(
    (
        "over_budget",
        "unknown_price",
        "bad_key",
        "request_refused",
        "context_truncated",
        "recording_missing",
        "sandbox_cannot",
    )
)
ADVISOR_FAULTS = 6  # some minutes: what an advisor says helps, and is worth no night
MOST_DOUBLINGS = 30  # beyond this every backoff has long met its ceiling


def next_step(job: Job, run: Run, settings: Settings) -> Step | None:
    """How a run in trouble goes on; None when there is no trouble."""
    if run.deaths >= settings.deaths_per_run:
        reason = f"the daemon died {many(run.deaths, 'time')} with this run in hand after stage {run.stage!r}"
        return steps.SettleRun(job.id, run.id, "failed", reason)
    if run.crashes >= settings.crashes_per_run:
        reason = f"a step crashed {many(run.crashes, 'time')}; the last: {run.crash_message}"
        return steps.SettleRun(job.id, run.id, "failed", reason)
    return _after_a_fault(job, run, settings) if run.fault else None


def _after_a_fault(job: Job, run: Run, settings: Settings) -> Step:
    """Wait, as long as that may help; then do without an advisor, but not without anybody else."""
    said, is_lasting = f"{run.fault}: {run.fault_message}", run.fault in LASTING
    if asking.asks_an_advisor(job, run) and (is_lasting or run.faults >= ADVISOR_FAULTS):
        return steps.GoWithout(job.id, run.id, said)
    if not is_lasting and run.faults < settings.faults_per_run:
        delay_s = backoff(run.faults, settings.fault_backoff_s, settings.fault_backoff_max_s)
        return steps.ParkRun(job.id, run.id, said, delay_s)
    reason = said if is_lasting else f"the world was at fault {many(run.faults, 'time')}; the last: {said}"
    return steps.SettleRun(job.id, run.id, "failed", reason)


def backoff(times: int, first_s: float, longest_s: float) -> float:
    """The wait after something happened this many times: doubling, up to a ceiling."""
    return min(longest_s, first_s * 2.0 ** min(times - 1, MOST_DOUBLINGS))
