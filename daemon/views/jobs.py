"""Every open job with its runs and attempts, and the last settled ones: what policy decides on and reports tell.

A job lives here in full while it is open; settled ones leave after a while and are asked for in the log (`show JOB`).
"""

from collections.abc import Callable
from itertools import islice
from typing import Any, Literal

from msgspec import Struct, field

from daemon import events as e
from daemon.drops import Job as JobDrop
from daemon.drops import without_answer
from daemon.steps import Attempt
from daemon.views.bounded import keep_last

DAY_S = 86_400
SETTLED_KEPT = 100
SOURCES_KEPT = 4096  # more than the inlet can have accepted and not yet removed (settings.intake_batch is at most 1024)
CUT_OFF = ("length", "repeat")  # reasons for which a model stopped though it would have gone on

Stage = Literal[
    "opened", "environment_ready", "workspace_ready", "red", "planned", "proposed", "applied", "failed_attempt",
    "green", "minimal", "measured", "certified", "refused", "exhausted",
]  # fmt: skip
RunState = Literal["waiting", "running", "settled"]


class Run(Struct, gc=False):
    """One strategy tried on a job."""

    id: str
    number: int
    attempts_allowed: int
    rung: str = ""
    proposer: str = "model"
    model: str = ""
    state: RunState = "waiting"
    stage: Stage = "opened"
    attempts: list[Attempt] = field(default_factory=list)
    fault: str = ""  # what the world did to the last step, until a step succeeds
    fault_message: str = ""
    faults: int = 0
    crashes: int = 0
    crash_message: str = ""
    deaths: int = 0  # of the daemon while this run was in hand, since its last fact
    red: str = ""  # what the red gate saw, in words
    evidence: str = ""  # and all of it, a blob
    signature: str = ""
    plan: Attempt | None = None  # of an idea: the round that planned it
    advice: Attempt | None = None  # the round in which an advisor wrote a diagnosis, whatever that came to
    advisor: str = ""
    values: str | None = None  # what variables held, a blob; "" where that could not be seen
    model_digest: str = ""
    verdict: str = ""
    cause: str = ""
    given_up: list[str] = []  # proposers that have nothing more to suggest
    coverage: str = ""  # what the tests execute, a blob
    next_at: int = 0  # where a search without a model would go on
    certificate: str = ""
    patch: str = ""
    folder: str = ""  # where the project of an idea lies
    branch: str = ""  # in the user's repository
    sandbox: str = ""  # the level at which its tests ran
    outcome: str = ""
    reason: str = ""

    def rounds(self) -> list[Attempt]:
        """Everything that was asked for: the attempts, and the plan or the diagnosis before them."""
        return [*filter(None, (self.plan, self.advice)), *self.attempts]


class Job(Struct, gc=False):
    """What was asked for, and all that was tried since it was opened."""

    id: str
    kind: Literal["repair", "idea"]
    project: str
    title: str
    drop: JobDrop
    priority: int
    accepted_at: float
    runs: dict[str, Run] = field(default_factory=dict)
    runs_before: int = 0
    rung: str = ""
    hint: str = ""
    cancel_asked: bool = False
    is_recalled: bool = False  # memory was asked
    fixes: list[str] = []  # what it had, unless the job is held out
    shown: list[str] = []
    ramp: str = ""  # the ramp that it is an instance of, and under which name
    instance: str = ""
    phase: int = 0  # whose health it waits for, once its tests are red
    gold: str = ""  # the blob with the gold patch, as long as that is still to be judged
    outcome: str = ""
    reason: str = ""
    settled_at: float = 0.0

    def open_runs(self) -> list[Run]:
        """The runs that are not over, in the order in which they were opened."""
        return [run for run in self.runs.values() if run.state != "settled"]

    def is_held(self) -> bool:
        """Whether all that it waits for is the health of others in its phase."""
        runs = self.open_runs()
        return bool(self.phase and runs) and all(run.stage == "red" and not run.fault for run in runs)

    def certified_run(self) -> Run | None:
        """The run that did it."""
        return next((run for run in self.runs.values() if run.outcome == "certified"), None)

    def nearest(self) -> Attempt | None:
        """The attempt that came nearest: it broke the least, then fixed the most, then was the first."""
        tested = [attempt for run in self.runs.values() for attempt in run.attempts if attempt.fixed]
        return max(tested, key=lambda attempt: (-len(attempt.broken), attempt.fixed), default=None)


class Today(Struct):
    """What was spent on one day, counted from 1970, in UTC."""

    day: int = 0
    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0  # of asking and of testing
    usd: float = 0.0

    def begin(self, at: float) -> None:
        """Count from nothing if that is another day."""
        if at // DAY_S != self.day:
            self.day, self.calls, self.tokens, self.seconds, self.usd = int(at // DAY_S), 0, 0, 0.0, 0.0


class Jobs(Struct):
    """All jobs, as far as anybody needs them in memory."""

    accepted: int = 0
    open: dict[str, Job] = field(default_factory=dict)
    settled: dict[str, Job] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    in_hand: dict[str, str] = field(default_factory=dict)  # running run → its job
    sources: dict[str, int] = field(default_factory=dict)  # file → entries taken from it so far
    rejected: int = 0
    today: Today = field(default_factory=Today)

    def document(self, rows: int) -> dict[str, Any]:
        """What a person reads in state/views/jobs.json."""
        return {
            "accepted": self.accepted,
            "rejected": self.rejected,
            "open": len(self.open),
            "settled": dict(sorted(self.outcomes.items())),
            "asked_today": {
                "model_calls": self.today.calls,
                "tokens": self.today.tokens,
                "seconds": self.today.seconds,
                "usd": self.today.usd,
            },
            "jobs_in_hand": [_row(self.open[job]) for job in dict.fromkeys(self.in_hand.values())],
            "open_jobs": [_row(job) for job in islice(self.open.values(), rows)],
            "last_settled": [_row(job) for job in islice(reversed(self.settled.values()), rows)],
        }


def _row(job: Job) -> dict[str, Any]:
    row: dict[str, Any] = {
        "job": job.id,
        "kind": job.kind,
        "project": job.project,
        "title": job.title,
        "priority": job.priority,
        "accepted_at": job.accepted_at,
        "runs": [
            {
                "run": run.id,
                "rung": run.rung or "base",
                "state": run.state,
                "stage": run.stage,
                "attempts": len(run.attempts),
                "outcome": run.outcome,
                "reason": run.reason or run.fault_message,
            }
            for run in job.runs.values()
        ],
    }
    if job.outcome:
        row |= {"outcome": job.outcome, "reason": job.reason, "settled_at": job.settled_at}
    return row


# Intake


def _taken(jobs: Jobs, fact: e.Taken) -> None:
    jobs.sources[fact.source] = fact.entry + 1
    keep_last(jobs.sources, SOURCES_KEPT)


def _accepted(jobs: Jobs, fact: e.JobAccepted) -> None:
    _taken(jobs, fact)
    jobs.accepted += 1
    drop = without_answer(fact.drop)
    job = Job(fact.job, fact.kind, fact.project, fact.title, drop, fact.priority, fact.at)
    job.ramp, job.instance, job.phase, job.gold = fact.ramp, fact.instance, fact.phase, fact.gold
    jobs.open[fact.job] = job


def _reopened(jobs: Jobs, fact: e.JobReopened) -> None:
    _taken(jobs, fact)
    jobs.settled.pop(fact.job, None)
    jobs.open[fact.job] = Job(
        fact.job,
        fact.kind,
        fact.project,
        fact.title,
        without_answer(fact.drop),
        fact.priority,
        fact.at,
        runs_before=fact.runs_before,
        rung=fact.rung,
        hint=fact.hint,
        ramp=fact.ramp,
        instance=fact.instance,
        phase=fact.phase,
        gold=fact.gold,
    )


def _cancel_asked(jobs: Jobs, fact: e.CancelAsked) -> None:
    _taken(jobs, fact)
    if job := jobs.open.get(fact.job):
        job.cancel_asked = True


def _released(jobs: Jobs, fact: e.PhaseReleased) -> None:
    for job in fact.jobs:
        if job in jobs.open:
            jobs.open[job].phase = 0


def _rejected(jobs: Jobs, fact: e.DropRejected) -> None:
    _taken(jobs, fact)
    jobs.rejected += 1


# The life of runs


def _run(jobs: Jobs, fact: e.OfRun) -> Run:
    """The run that a fact is about; a fact about it also clears what the world did to it before."""
    run = jobs.open[fact.job].runs[fact.run]
    if run.fault:
        run.fault = ""
    if run.deaths:
        run.deaths = 0
    return run


def _started(jobs: Jobs, _: e.DaemonStarted) -> None:
    for run in _put_down(jobs):
        run.deaths += 1


def _stopped(jobs: Jobs, _: e.DaemonStopped) -> None:
    _put_down(jobs)


def _put_down(jobs: Jobs) -> list[Run]:
    runs = [jobs.open[job].runs[run] for run, job in jobs.in_hand.items()]
    for run in runs:
        run.state = "waiting"
    jobs.in_hand.clear()
    return runs


def _opened(jobs: Jobs, fact: e.RunOpened) -> None:
    jobs.open[fact.job].runs[fact.run] = Run(fact.run, fact.number, fact.attempts, fact.rung, fact.proposer, fact.model)


def _claimed(jobs: Jobs, fact: e.RunClaimed) -> None:
    run = jobs.open[fact.job].runs[fact.run]
    run.state = "running"
    run.fault = ""
    jobs.today.begin(fact.at)
    jobs.in_hand[fact.run] = fact.job


def _parked(jobs: Jobs, fact: e.RunParked) -> None:
    jobs.open[fact.job].runs[fact.run].state = "waiting"
    jobs.in_hand.pop(fact.run, None)


def _faulted(jobs: Jobs, fact: e.WorldFaulted) -> None:
    run = _run(jobs, fact)
    run.fault, run.fault_message = fact.fault, fact.message
    run.faults += 1


def _crashed(jobs: Jobs, fact: e.StepCrashed) -> None:
    run = _run(jobs, fact)
    run.crashes += 1
    run.crash_message = f"{fact.step}: {fact.error}"


def _run_settled(jobs: Jobs, fact: e.RunSettled) -> None:
    run = _run(jobs, fact)
    run.state, run.outcome, run.reason = "settled", fact.outcome, fact.reason
    jobs.in_hand.pop(fact.run, None)


def _job_settled(jobs: Jobs, fact: e.JobSettled) -> None:
    job = jobs.open.pop(fact.job)
    job.outcome, job.reason, job.settled_at = fact.outcome, fact.reason, fact.at
    jobs.outcomes[fact.outcome] = jobs.outcomes.get(fact.outcome, 0) + 1
    jobs.settled[job.id] = job
    keep_last(jobs.settled, SETTLED_KEPT)


# The story


def _environment_ready(jobs: Jobs, fact: e.EnvironmentReady) -> None:
    run = _run(jobs, fact)
    run.stage, run.sandbox = "environment_ready", fact.sandbox


def _workspace_ready(jobs: Jobs, fact: e.WorkspaceReady) -> None:
    _run(jobs, fact).stage = "workspace_ready"


def _red_gate_held(jobs: Jobs, fact: e.RedGateHeld) -> None:
    run = _run(jobs, fact)
    run.stage, run.red, run.signature, run.evidence = "red", fact.message, fact.signature, fact.evidence


def _gold_checked(jobs: Jobs, fact: e.GoldChecked) -> None:
    run = _run(jobs, fact)
    jobs.open[fact.job].gold = ""
    if not fact.passed:
        run.stage, run.verdict, run.cause = "refused", "environment", f"the gold patch is not green: {fact.message}"


def _refused(jobs: Jobs, fact: e.RunRefused) -> None:
    run = _run(jobs, fact)
    run.stage, run.verdict, run.cause = "refused", fact.verdict, fact.cause


def _asked(jobs: Jobs, fact: e.Planned | e.Advised | e.Proposed) -> None:
    """Count a model's answer."""
    jobs.today.begin(fact.at)
    jobs.today.calls += 1
    jobs.today.tokens += fact.tokens_in + fact.tokens_out
    jobs.today.usd += fact.cost_usd
    _took(jobs, fact)


Timed = e.Planned | e.Advised | e.Proposed | e.Minimised | e.AttemptFailed | e.GreenGatePassed | e.ProjectMeasured


def _took(jobs: Jobs, fact: Timed) -> None:
    """Count what the day was used for."""
    jobs.today.begin(fact.at)
    jobs.today.seconds += fact.seconds


def _planned(jobs: Jobs, fact: e.Planned) -> None:
    run = _run(jobs, fact)
    _asked(jobs, fact)
    run.proposer, run.model, run.model_digest = "model", fact.model, fact.model_digest
    answer = "" if fact.trouble else fact.answer  # what cannot be followed has given nothing
    plan = Attempt(
        fact.attempt,
        "model",
        prompt=fact.prompt,
        answer=answer,
        seed=fact.seed,
        tokens_in=fact.tokens_in,
        tokens_out=fact.tokens_out,
        cost_usd=fact.cost_usd,
        seconds=fact.seconds,
    )
    if fact.trouble:
        run.attempts.append(plan)
    else:
        run.stage, run.plan = "planned", plan


def _advised(jobs: Jobs, fact: e.Advised) -> None:
    run = _run(jobs, fact)
    run.advice, run.advisor = Attempt(0), fact.model
    if fact.trouble:
        return
    _asked(jobs, fact)
    run.advice = Attempt(
        0,
        "model",
        prompt=fact.prompt,
        answer=fact.answer,
        seed=fact.seed,
        tokens_in=fact.tokens_in,
        tokens_out=fact.tokens_out,
        cost_usd=fact.cost_usd,
        seconds=fact.seconds,
    )


def _values_measured(jobs: Jobs, fact: e.ValuesMeasured) -> None:
    _run(jobs, fact).values = fact.values


def _proposed(jobs: Jobs, fact: e.Proposed) -> None:
    run = _run(jobs, fact)
    run.stage, run.proposer = "proposed", fact.proposer
    if fact.next_at:
        run.next_at = max(run.next_at, fact.next_at)
    if fact.proposer == "model":
        _asked(jobs, fact)
    if fact.model:
        run.model, run.model_digest = fact.model, fact.model_digest
    run.attempts.append(
        Attempt(
            fact.attempt,
            fact.proposer,
            fact.fix,
            fact.prompt,
            fact.answer,
            fact.seed,
            fact.tokens_in,
            fact.tokens_out,
            fact.cost_usd,
            fact.done_reason in CUT_OFF,
            fact.warnings,
            seconds=fact.seconds,
        )
    )


def _nothing_found(jobs: Jobs, fact: e.NothingFound) -> None:
    run = _run(jobs, fact)
    run.given_up = [*run.given_up, fact.proposer]
    run.coverage, run.next_at = fact.coverage or run.coverage, max(run.next_at, fact.next_at)


def _recalled(jobs: Jobs, fact: e.Recalled) -> None:
    if job := jobs.open.get(fact.job):
        job.is_recalled = True
        job.fixes, job.shown = ([], []) if fact.held_out else (fact.fixes, fact.shown)


def _edits_applied(jobs: Jobs, fact: e.EditsApplied) -> None:
    run = _run(jobs, fact)
    run.stage = "applied"
    attempt = run.attempts[-1]
    attempt.files, attempt.diff, attempt.changes = fact.files, fact.diff, fact.changes
    attempt.tree, attempt.meaning = fact.tree, fact.meaning


def _minimised(jobs: Jobs, fact: e.Minimised) -> None:
    run = _run(jobs, fact)
    run.stage = "minimal"
    attempt = run.attempts[-1]
    attempt.seconds += fact.seconds
    _took(jobs, fact)
    if fact.dropped:
        whole = f"minimised: lines left out that no test asks for: {fact.dropped}; with them it is blob {attempt.diff}"
        attempt.warnings = [*attempt.warnings, whole]
        attempt.answer, attempt.is_cut_off = fact.answer, False
        attempt.files, attempt.diff, attempt.changes = fact.files, fact.diff, fact.changes
        attempt.tree, attempt.meaning = fact.tree, fact.meaning


def _attempt_failed(jobs: Jobs, fact: e.AttemptFailed) -> None:
    run = _run(jobs, fact)
    attempt = run.attempts[-1] if run.attempts else None
    if attempt is None or attempt.number != fact.attempt:  # no answer came, so nothing was proposed
        attempt = Attempt(fact.attempt)
        run.attempts.append(attempt)
    attempt.failure, attempt.message = fact.failure, fact.message
    attempt.fixed, attempt.fixed_tests, attempt.broken = fact.fixed, fact.fixed_tests, fact.broken
    attempt.seconds += fact.seconds
    _took(jobs, fact)
    run.stage = "failed_attempt" if len(run.attempts) < run.attempts_allowed else "exhausted"


def _green_gate_passed(jobs: Jobs, fact: e.GreenGatePassed) -> None:
    run = _run(jobs, fact)
    run.stage = "green"
    run.attempts[-1].fixed = fact.fixed
    run.attempts[-1].seconds += fact.seconds
    _took(jobs, fact)


def _measured(jobs: Jobs, fact: e.ProjectMeasured) -> None:
    run = _run(jobs, fact)
    run.stage = "measured"
    run.attempts[-1].score, run.attempts[-1].findings = fact.score, fact.findings
    run.attempts[-1].seconds += fact.seconds
    _took(jobs, fact)


def _certified(jobs: Jobs, fact: e.Certified) -> None:
    run = _run(jobs, fact)
    run.stage, run.certificate, run.patch = "certified", fact.certificate, fact.patch
    run.folder, run.branch = fact.folder, fact.branch
    run.sandbox = fact.sandbox or run.sandbox  # a restart may have chosen another one meanwhile
    doubts = []
    if fact.not_run:
        doubts.append(
            f"the job's command leaves out {fact.not_run} of the repository's files of tests: they were not run"
        )
    if fact.no_branch:
        doubts.append(f"there is no branch of it: {fact.no_branch}")
    if doubts:
        run.attempts[-1].warnings = [*run.attempts[-1].warnings, *doubts]


FOLD: dict[type[e.Fact], Callable[[Jobs, Any], None]] = {
    e.JobAccepted: _accepted,
    e.JobReopened: _reopened,
    e.CancelAsked: _cancel_asked,
    e.ErrorReported: _taken,
    e.RampAccepted: _taken,
    e.RampReopened: _taken,
    e.PhaseReleased: _released,
    e.DropRejected: _rejected,
    e.DaemonStarted: _started,
    e.DaemonStopped: _stopped,
    e.RunOpened: _opened,
    e.RunClaimed: _claimed,
    e.RunParked: _parked,
    e.WorldFaulted: _faulted,
    e.StepCrashed: _crashed,
    e.RunSettled: _run_settled,
    e.JobSettled: _job_settled,
    e.EnvironmentReady: _environment_ready,
    e.WorkspaceReady: _workspace_ready,
    e.RedGateHeld: _red_gate_held,
    e.GoldChecked: _gold_checked,
    e.RunRefused: _refused,
    e.Planned: _planned,
    e.Advised: _advised,
    e.ValuesMeasured: _values_measured,
    e.Proposed: _proposed,
    e.Recalled: _recalled,
    e.NothingFound: _nothing_found,
    e.EditsApplied: _edits_applied,
    e.Minimised: _minimised,
    e.AttemptFailed: _attempt_failed,
    e.GreenGatePassed: _green_gate_passed,
    e.ProjectMeasured: _measured,
    e.Certified: _certified,
}
