"""What memory gives to a job: asked once, when its failure is known, and written down.

A share of the jobs is held out: memory is asked for them too, and gives nothing, so that the daemon can say what it is
worth.
"""

from collections.abc import Sequence

from daemon import steps
from daemon.policy import recall
from daemon.policy.dice import seed_of
from daemon.policy.known import Known
from daemon.settings import Settings
from daemon.steps import Remembered, Step
from daemon.views.fix_database import FixDatabase
from daemon.views.jobs import Job, Run


def ask(job: Job, run: Run, settings: Settings, known: Known) -> Step:
    """Ask what is remembered for the failure that the red gate saw."""
    found = recall.recall(known.fixes, known.messages, run.signature, run.red, seed_of(job.id, "memory"))
    fixes = list(dict.fromkeys([*found.show, *found.replay]))
    held_out = recall.is_held_out(job.id, settings.memory_holdout)
    return steps.Remember(job.id, run.id, fixes, found.show, found.by, held_out)


def replayed(job: Job, database: FixDatabase) -> list[Remembered]:
    """The fixes to try as they are; those that an attempt of the job has tried are not tried again."""
    tried = {attempt.fix for run in job.runs.values() for attempt in run.attempts}
    return [fix for fix in _known(job.fixes, database) if fix.pattern and fix.fix not in tried]


def shown(job: Job, database: FixDatabase) -> list[Remembered]:
    """The fixes that models are told of."""
    return _known(job.shown, database)


def _known(names: Sequence[str], database: FixDatabase) -> list[Remembered]:
    """Those that are still remembered."""
    fixes = ((name, database.fixes[name]) for name in names if name in database.fixes)
    return [Remembered(name, fix.pattern, fix.before, fix.after, fix.tried, fix.worked) for name, fix in fixes]
