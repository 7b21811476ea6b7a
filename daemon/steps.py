"""What to do next, in the imperative: every step that policy can ask for. Values only; effects know how."""

from typing import Literal

from msgspec import Struct

from daemon.drops import Job
from daemon.events import Failure, JobOutcome, RampSettled, RunOutcome
from daemon.rungs import EditScope, Proposer, Rung


class Attempt(Struct, gc=False):
    """One round inside a run, as far as it got. Whoever goes on after it needs all that its facts say."""

    number: int
    proposer: str = ""
    fix: str = ""
    prompt: str = ""
    answer: str = ""
    seed: int | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    is_cut_off: bool = False
    warnings: list[str] = []
    files: list[str] = []
    diff: str = ""
    changes: str = ""
    tree: str = ""
    meaning: str = ""
    failure: Failure | Literal[""] = ""
    message: str = ""
    fixed: int = 0
    fixed_tests: list[str] = []
    broken: list[str] = []
    score: int | None = None
    findings: list[str] = []
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """What its test said; a run may have ended before there was one."""
        return self.failure or ("green" if self.fixed or self.score is not None else "not judged")

    @property
    def tokens(self) -> int:
        """Those of the question and of the answer."""
        return self.tokens_in + self.tokens_out


class Remembered(Struct, frozen=True):
    """A fix from memory, and what became of it so far."""

    fix: str
    pattern: str
    before: str
    after: str
    tried: int = 0
    worked: int = 0


class Step(Struct, frozen=True):
    """Something to be done for a job."""

    job: str


class OfRun(Step, frozen=True):
    """Something to be done in a run, which knows what was asked for."""

    run: str
    number: int
    drop: Job


class Preparation(OfRun, frozen=True):
    """What makes ready for the first proposal: whoever forgot that it was done does it again, and nothing is lost."""


# Hands on the world


class PrepareEnvironment(Preparation, frozen=True):
    """Make what the tests need, or find it in the cache."""


class PrepareWorkspace(Preparation, frozen=True):
    """Give the run a pristine tree of its own."""


class RunRedGate(Preparation, frozen=True):
    """Show that the targets fail on the untouched tree, for the right reason.

    `known` is what an earlier run of the job saw there: the same tree is not asked twice.
    """

    known: str = ""


class CheckGold(OfRun, frozen=True):
    """Show that the gold patch goes green. It is found in the blob by whoever judges, and nobody else."""

    evidence: str
    gold: str
    instance: str


class Propose(OfRun, frozen=True):
    """Ask the run's proposer for edits. Of an idea, the evidence is its plan; while there is none, ask for one."""

    attempt: int
    proposer: Proposer
    model: str
    rung: Rung
    hint: str
    evidence: str = ""
    earlier: list[Attempt] = []
    before: list[Attempt] = []  # those of the job's earlier runs
    coverage: str = ""
    start_at: int = 0
    replayed: list[Remembered] = []  # fixes to try as they are
    shown: list[Remembered] = []  # fixes to tell a model of
    diagnosis: str = ""  # what an advisor said of it
    values: str = ""  # what variables held


class Advise(Propose, frozen=True):
    """Ask a model for no edits, but for a diagnosis that another one will see."""


class MeasureValues(OfRun, frozen=True):
    """Watch what variables hold on suspicious lines, in a test that fails and in one that passes."""

    evidence: str


class ApplyEdits(OfRun, frozen=True):
    """Apply the answer's edits to the pristine tree, all or nothing."""

    attempt: int
    answer: str
    is_cut_off: bool = False
    limit: EditScope | None = None
    evidence: str = ""  # of an idea: its plan
    changes: str = ""  # of an idea: the project as it stands, to which the edits are made


class RunGreenGate(OfRun, frozen=True):
    """Show that the targets pass and that nothing else broke."""

    attempt: int
    evidence: str = ""
    changes: str = ""


class Minimise(OfRun, frozen=True):
    """Take out of a green change what it does not need."""

    attempt: int
    evidence: str
    changes: str


class MeasureProject(OfRun, frozen=True):
    """Score a generated project."""

    attempt: int
    evidence: str = ""
    changes: str = ""


class Certify(OfRun, frozen=True):
    """Do it all again from what was recorded, and write down what proves the job."""

    attempt: int
    proposer: str = ""
    model: str = ""
    model_digest: str = ""
    evidence: str = ""
    attempts: list[Attempt] = []
    shown: list[Remembered] = []
    project: str = ""
    rung: str = ""
    limit: EditScope | None = None
    diagnosis: str = ""
    advisor: str = ""


# Decisions: done by being written down, with the time and the dice that they need


class FailAttempt(Step, frozen=True):
    """Call an attempt failed."""

    run: str
    attempt: int
    failure: Failure
    message: str


class GoWithout(Step, frozen=True):
    """Write down that an advisor cannot be had."""

    run: str
    trouble: str


class Remember(Step, frozen=True):
    """Write down what memory has for the job; a job that is held out gets none of it."""

    run: str
    fixes: list[str]
    shown: list[str]
    by: Literal["exact", "coarse", "similar", "anywhere", ""]
    held_out: bool


class OpenRun(Step, frozen=True):
    """Put a new run in line, after a wait."""

    number: int
    attempts: int
    rung: str
    priority: int
    earlier: int
    delay_s: float = 0.0


class ParkRun(Step, frozen=True):
    """Put the run back in line until the world may have mended itself."""

    run: str
    fault: str
    delay_s: float = 0.0
    until: float = 0.0


class Opening(Struct, frozen=True):
    """An instance of a ramp to be opened, as a new job or as the same one again."""

    instance: str
    place: int
    job: str
    runs_before: int = 0
    is_again: bool = False


class OpenPhase(Step, frozen=True):
    """Begin a phase of the ramp; to whoever decides between runs, a ramp is a job of jobs."""

    phase: int
    size: int


class OpenInstances(Step, frozen=True):
    """Make jobs of these instances, which the blob holds."""

    phase: int
    blob: str
    openings: list[Opening]
    gold_check: bool


class ReleasePhase(Step, frozen=True):
    """Freeze the denominator, and let the parked runs of the phase stand in line."""

    phase: int
    viable: list[str]
    excluded: dict[str, str]
    jobs: list[str]
    runs: list[str]


class SettlePhase(Step, frozen=True):
    """Write down what share of the phase was solved."""

    phase: int
    solved: int
    viable: int
    reason: str


class CancelInstances(Step, frozen=True):
    """Give these jobs of the ramp up."""

    jobs: list[str]


class SettleRamp(Step, frozen=True):
    """Close the ramp, with what is to be said of it."""

    settled: RampSettled


class SettleRun(Step, frozen=True):
    """Close the run."""

    run: str
    outcome: RunOutcome
    reason: str = ""


class SettleJob(Step, frozen=True):
    """Close the job; what was shown to a model in vain is held against it."""

    outcome: JobOutcome
    reason: str = ""
    run: str = ""
    in_vain: list[str] = []
