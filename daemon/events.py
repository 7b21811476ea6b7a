"""What happened, in the past tense: every fact that the log can hold.

A fact is never changed and never taken back. It may gain fields with defaults; it may not lose or rename one, for the
oldest line of the oldest log must always be read. Nothing here decides and nothing here acts.
"""

from typing import Literal, Union

from msgspec import Struct

from daemon.drops import Job

RunOutcome = Literal["certified", "failed", "refused", "cancelled"]
RampOutcome = Literal["reached", "stopped", "cancelled"]
JobOutcome = Literal["certified", "failed", "refused", "cancelled"]
Refusal = Literal["already_green", "environment", "flaky", "missing_hands", ""]
Failure = Literal[
    "no_answer", "unreadable_answer", "edit_did_not_land", "syntax", "same_failure", "other_failure", "regression",
    "timeout", "low_score", "same_answer",
]  # fmt: skip


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag=True, tag_field="type"):
    """One thing that happened; `state.record` gives it its place (seq) and its time (at, unix seconds)."""

    seq: int = 0
    at: float = 0.0


# The daemon's own life


class DaemonStarted(Fact, frozen=True, kw_only=True):
    """A daemon opened this state; whatever a former one had in hand is in nobody's hand now."""

    pid: int
    version: str


class DaemonStopped(Fact, frozen=True, kw_only=True):
    """A clean stop: what was in hand was put down between two steps."""

    reason: str


class TailCut(Fact, frozen=True, kw_only=True):
    """The last write was torn by a crash; its bytes were cut off the log and kept aside."""

    segment: str
    offset: int
    lost_bytes: int
    kept_as: str


class IntakePaused(Fact, frozen=True, kw_only=True):
    """Nothing more is taken in until there is room again."""

    reason: str


class IntakeResumed(Fact, frozen=True, kw_only=True):
    """Drops are taken in again."""


class WorkPaused(Fact, frozen=True, kw_only=True):
    """No run is taken up: somebody wants it so, or these are quiet hours. What is in hand goes on to its end."""

    reason: str


class WorkResumed(Fact, frozen=True, kw_only=True):
    """Runs are taken up again."""


# Intake: source is the file that it came from, entry the place inside it, so that no entry is taken twice


class Taken(Fact, frozen=True, kw_only=True):
    """Something taken from a drop."""

    source: str
    entry: int = 0


class JobAccepted(Taken, frozen=True, kw_only=True):
    """A job exists, for ever."""

    job: str
    kind: Literal["repair", "idea"]
    project: str
    title: str
    drop: Job
    priority: int = 5
    ramp: str = ""  # the ramp that it is an instance of, and under which name
    instance: str = ""
    phase: int = 0  # whose health it waits for; 0 is for nothing
    gold: str = ""  # the blob in which the hand that judges finds the gold patch, where that is to be seen green


class JobReopened(Taken, frozen=True, kw_only=True):
    """A settled job is open again; its runs are numbered on."""

    job: str
    kind: Literal["repair", "idea"]
    project: str
    title: str
    drop: Job
    runs_before: int
    priority: int = 5
    rung: str = ""
    hint: str = ""
    ramp: str = ""
    instance: str = ""
    phase: int = 0
    gold: str = ""


class CancelAsked(Taken, frozen=True, kw_only=True):
    """A person gives an open job, or a ramp, up."""

    job: str


class ErrorReported(Taken, frozen=True, kw_only=True):
    """A failure was seen elsewhere, with nothing to mend: its signature is known from now on."""

    project: str
    signature: str
    message: str


class DropRejected(Taken, frozen=True, kw_only=True):
    """An entry, or a whole file, that could not be accepted."""

    inlet: str
    name: str
    field: str
    expected: str
    got: str
    remedy: str


class RampAccepted(Taken, frozen=True, kw_only=True):
    """A ramp exists; the blob holds its instances as repairs, by name."""

    ramp: str
    title: str
    blob: str
    instances: list[str]
    phases: list[int]
    targets: list[float]
    gold_check: bool = False


class RampReopened(Taken, frozen=True, kw_only=True):
    """A ramp that was over goes on: these instances are to be tried again, all others count as they are."""

    ramp: str
    instances: list[str]


# A ramp, phase by phase


class OfRamp(Fact, frozen=True, kw_only=True):
    """Something that happened to a ramp."""

    ramp: str


class PhaseOpened(OfRamp, frozen=True, kw_only=True):
    """The first `size` instances are what counts from now on; who was certified before counts and is not run again."""

    phase: int
    size: int


class PhaseReleased(OfRamp, frozen=True, kw_only=True):
    """Health is known, and the denominator frozen: `viable` is what counts, `excluded` says why the rest does not.

    The parked `runs` of these `jobs` stand in line from now on.
    """

    phase: int
    viable: list[str]
    excluded: dict[str, str]
    jobs: list[str] = []
    runs: list[str] = []


class PhaseSettled(OfRamp, frozen=True, kw_only=True):
    """All viable instances of the phase are over."""

    phase: int
    solved: int
    viable: int
    reason: str


class RampSettled(OfRamp, frozen=True, kw_only=True):
    """The ramp is over, unless somebody reopens it; and what can be said of what failed.

    `repeated` had failed the last time too, `causes` says how many failed for whose sake, `failures` in which class.
    """

    outcome: RampOutcome
    reason: str
    failed: list[str] = []
    repeated: list[str] = []
    newly_solved: list[str] = []
    newly_broken: list[str] = []
    repositories: dict[str, int] = {}
    causes: dict[str, int] = {}
    failures: dict[str, int] = {}
    command: str = ""


# A run and the job it is for


class OfRun(Fact, frozen=True, kw_only=True):
    """Something that happened to a run."""

    job: str
    run: str


class RunOpened(OfRun, frozen=True, kw_only=True):
    """A strategy stands in line; `earlier` says how many of the job's went before, so that others get their turn."""

    number: int
    attempts: int
    rung: str = ""
    proposer: str = "model"
    model: str = ""
    priority: int = 5
    earlier: int = 0
    not_before: float = 0.0


class RunDue(Fact, frozen=True, kw_only=True):
    """Time has come for runs that had to wait for it."""

    runs: list[str]


class RunClaimed(OfRun, frozen=True, kw_only=True):
    """A worker took the run in hand."""

    worker: str


class RunParked(OfRun, frozen=True, kw_only=True):
    """The world is at fault: the run waits, and no attempt is spent."""

    fault: str
    not_before: float


class RunSettled(OfRun, frozen=True, kw_only=True):
    """The run is over."""

    outcome: RunOutcome
    reason: str = ""


class JobSettled(Fact, frozen=True, kw_only=True):
    """The job is over, unless somebody opens it again."""

    job: str
    outcome: JobOutcome
    reason: str = ""


# The story of a repair, and of an idea


class EnvironmentReady(OfRun, frozen=True, kw_only=True):
    """What the tests need is there, and the sandbox in which they run."""

    key: str
    python: str = ""
    sandbox: str = ""
    seconds: float = 0.0


class WorkspaceReady(OfRun, frozen=True, kw_only=True):
    """A pristine tree is there, and a workspace over it could be opened; `kind` says how."""

    base: str
    kind: str = ""
    seconds: float = 0.0


class RedGateHeld(OfRun, frozen=True, kw_only=True):
    """The targets fail on the untouched tree, for the right reason: there is something to mend."""

    failing: list[str]
    passing: int
    signature: str
    message: str
    evidence: str = ""  # the blob with all that the gate saw
    seconds: float = 0.0


class GoldChecked(OfRun, frozen=True, kw_only=True):
    """The gold patch went through the green gate, as health of the instance; no proposer sees any of it."""

    passed: bool
    message: str
    seconds: float = 0.0


class RunRefused(OfRun, frozen=True, kw_only=True):
    """Nothing was spent on a proposer, because there was nothing to mend or no way to judge it."""

    verdict: Refusal
    cause: str


class Planned(OfRun, frozen=True, kw_only=True):
    """A model planned the project of an idea; prompt, answer and call are blobs.

    One that cannot be followed says so in `trouble`: it is the attempt's end, and the next one plans again.
    """

    attempt: int
    prompt: str
    answer: str
    trouble: str = ""
    call: str = ""
    model: str = ""
    model_digest: str = ""
    seed: int | None = None
    done_reason: str = ""
    cost_usd: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0


class Proposed(OfRun, frozen=True, kw_only=True):
    """A proposer answered; prompt, answer and call (who was asked how, and what stood in the prompt) are blobs."""

    attempt: int
    prompt: str
    answer: str
    call: str = ""
    proposer: str = "model"
    fix: str = ""  # the remembered one that it replays
    model: str = ""
    model_digest: str = ""
    seed: int | None = None
    done_reason: str = ""
    cost_usd: float = 0.0
    next_at: int = 0
    warnings: list[str] = []
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0


class Advised(OfRun, frozen=True, kw_only=True):
    """A model said where the mistake is, for another one that writes the edits; prompt, answer and call are blobs.

    One that cannot be had is done without: then `trouble` says why, and there is no answer. It never costs an attempt.
    """

    prompt: str = ""
    answer: str = ""
    trouble: str = ""
    call: str = ""
    model: str = ""
    model_digest: str = ""
    seed: int | None = None
    done_reason: str = ""
    cost_usd: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0


class ValuesMeasured(OfRun, frozen=True, kw_only=True):
    """What variables hold on suspicious lines was watched, in a failing and in a passing test: a blob, or a `why`."""

    values: str = ""
    why: str = ""
    seconds: float = 0.0


class NothingFound(OfRun, frozen=True, kw_only=True):
    """A proposer that needs no model has nothing to suggest, or nothing more; it cost no attempt.

    `coverage` is a blob of what the tests execute, `next_at` where a further search goes on.
    """

    proposer: str
    why: str = ""
    tried: int = 0
    next_at: int = 0
    coverage: str = ""
    seconds: float = 0.0


class EditsApplied(OfRun, frozen=True, kw_only=True):
    """The answer's edits landed, all of them, on the pristine tree.

    `tree` names what came out, `changes` lists it, and changes of the same `meaning` need no second test.
    """

    attempt: int
    files: list[str]
    diff: str
    changes: str = ""
    tree: str = ""
    meaning: str = ""


class Minimised(OfRun, frozen=True, kw_only=True):
    """What a green change does not need was taken out of it: `dropped` lines. The answer is now what is left."""

    attempt: int
    dropped: int = 0
    answer: str = ""
    files: list[str] = []
    diff: str = ""
    changes: str = ""
    tree: str = ""
    meaning: str = ""
    seconds: float = 0.0


class AttemptFailed(OfRun, frozen=True, kw_only=True):
    """An attempt is over without success, and why."""

    attempt: int
    failure: Failure
    message: str
    fixed: int = 0
    fixed_tests: list[str] = []
    broken: list[str] = []
    seconds: float = 0.0


class GreenGatePassed(OfRun, frozen=True, kw_only=True):
    """The targets pass, and what passed before still does."""

    attempt: int
    fixed: int
    kept: int
    seconds: float = 0.0


class ProjectMeasured(OfRun, frozen=True, kw_only=True):
    """A generated project has its QA score; each finding says what it cost. `measured` is a blob of all of it."""

    attempt: int
    score: int
    findings: list[str] = []
    measured: str = ""
    lint_by: str = ""
    types_by: str = ""
    seconds: float = 0.0


class Certified(OfRun, frozen=True, kw_only=True):
    """The record that proves the job; certificate and patch are blobs.

    `branch` stands in the user's repository, or `no_branch` says why not; `folder` is where a project of an idea
    lies; `not_run` counts the files of tests that the job's command leaves out; `sandbox` is the level at which all of
    it was seen.
    """

    attempt: int
    certificate: str
    patch: str
    branch: str = ""
    no_branch: str = ""
    folder: str = ""
    not_run: int = 0
    sandbox: str = ""
    seconds: float = 0.0


class WorldFaulted(OfRun, frozen=True, kw_only=True):
    """The world failed a step: a model or sandbox down, a disk full. It never costs an attempt."""

    step: str
    fault: str
    message: str


class StepCrashed(OfRun, frozen=True, kw_only=True):
    """A hand raised what it must not: a defect of ours, counted."""

    step: str
    error: str
    trace: str = ""


# Memory


class FixLearned(Fact, frozen=True, kw_only=True):
    """A certificate taught a fix: what stood there before and after, for failures of this signature.

    `pattern` is what is general in it, `message` what the failure said, `box` where it came from if not from here.
    """

    job: str
    fix: str
    signature: str
    before: str
    after: str
    pattern: str = ""
    message: str = ""
    project: str = ""
    run: str = ""
    certificate: str = ""
    box: str = ""


class Recalled(OfRun, frozen=True, kw_only=True):
    """Memory was asked what it has for a run; a held-out job gets nothing, which tells what memory is worth."""

    fixes: list[str]
    by: Literal["exact", "coarse", "similar", "anywhere", ""] = ""
    held_out: bool = False
    shown: list[str] = []  # those of them that models are told of


class FixTried(OfRun, frozen=True, kw_only=True):
    """A remembered fix was offered to a run, and whether it ended in the certified patch.

    `shown` to a model or `replayed` without one; `reverted` when what it mended turned out red later.
    """

    fix: str
    worked: bool
    how: Literal["shown", "replayed"] = "shown"
    reverted: bool = False


AnyFact = Union[  # noqa: UP007  one name a line, so that a new fact is one line's change
    DaemonStarted,
    DaemonStopped,
    TailCut,
    IntakePaused,
    IntakeResumed,
    WorkPaused,
    WorkResumed,
    JobAccepted,
    JobReopened,
    CancelAsked,
    ErrorReported,
    DropRejected,
    RampAccepted,
    RampReopened,
    PhaseOpened,
    PhaseReleased,
    PhaseSettled,
    RampSettled,
    RunOpened,
    RunDue,
    RunClaimed,
    RunParked,
    RunSettled,
    JobSettled,
    EnvironmentReady,
    WorkspaceReady,
    RedGateHeld,
    GoldChecked,
    RunRefused,
    Planned,
    Advised,
    ValuesMeasured,
    Proposed,
    NothingFound,
    EditsApplied,
    Minimised,
    AttemptFailed,
    GreenGatePassed,
    ProjectMeasured,
    Certified,
    WorldFaulted,
    StepCrashed,
    FixLearned,
    Recalled,
    FixTried,
]
FACT_TYPES: object = AnyFact
