"""Whom an attempt asks, and what they are told: the same for every story."""

from msgspec import structs

from daemon import steps
from daemon.policy import memory
from daemon.policy.known import NOTHING, Known
from daemon.policy.ladder import BASE, model_of, rung_of
from daemon.rungs import EditScope, Proposer, Rung
from daemon.settings import Settings
from daemon.steps import Step
from daemon.views.jobs import Job, Run

WITHOUT_A_MODEL: tuple[Proposer, ...] = ("learned", "templates")


def look_first(job: Job, run: Run, settings: Settings, known: Known = NOTHING) -> Step | None:
    """What is to be had before a model is asked for edits on this rung: values, a diagnosis. Once each."""
    rung = rung_of(run.rung) or BASE
    if _next_proposer(job, run) != "model":
        return None
    if rung.aid == "values" and _values(job) is None:
        return steps.MeasureValues(job.id, run.id, run.number, job.drop, run.evidence)
    return advise(job, run, settings, known) if asks_an_advisor(job, run) else None


def asks_an_advisor(job: Job, run: Run) -> bool:
    """Whether somebody else is what the run asks next: where the mistake is."""
    rung = rung_of(run.rung) or BASE
    return job.kind == "repair" and bool(rung.advisor) and run.advice is None and asks_a_model(job, run)


def advise(job: Job, run: Run, settings: Settings, known: Known = NOTHING) -> steps.Advise:
    """Ask the advisor of this rung."""
    rung = rung_of(run.rung) or BASE
    asked = _asked(job, run, settings, known, "model")
    model = model_of(rung.advisor or rung.reach, settings.models)
    return steps.Advise(**structs.asdict(structs.replace(asked, attempt=0, model=model)))


def propose(job: Job, run: Run, settings: Settings, known: Known = NOTHING) -> Step:
    """Ask the next proposer; where all have given up, the run is over."""
    proposer = _next_proposer(job, run)
    if proposer is None:
        reason = f"nobody has anything more to suggest: {', '.join(run.given_up)}"
        return steps.SettleRun(job.id, run.id, "failed", reason)
    return _asked(job, run, settings, known, proposer)


def _asked(job: Job, run: Run, settings: Settings, known: Known, proposer: Proposer) -> steps.Propose:
    rung = rung_of(run.rung) or BASE
    return steps.Propose(
        job.id,
        run.id,
        run.number,
        job.drop,
        len(run.attempts) + 1,
        proposer,
        model_of(rung.reach, settings.models),
        rung,
        job.hint,
        run.plan.answer if run.plan else run.evidence,
        list(run.attempts),
        [attempt for each in job.runs.values() if each is not run for attempt in each.attempts],
        next((each.coverage for each in job.runs.values() if each.coverage), ""),
        max(each.next_at for each in job.runs.values()),
        memory.replayed(job, known.fixes) if proposer == "learned" else [],
        memory.shown(job, known.fixes) if proposer == "model" else [],
        run.advice.answer if run.advice else "",
        (_values(job) or "") if rung.aid == "values" else "",
    )


def _values(job: Job) -> str | None:
    """What variables held, as whichever run looked; None while none did."""
    return next((run.values for run in job.runs.values() if run.values is not None), None)


def asks_a_model(job: Job, run: Run) -> bool:
    """Whether a model is what the run asks next."""
    stages = ("workspace_ready", "planned", "failed_attempt") if job.kind == "idea" else ("red", "failed_attempt")
    return run.stage in stages and _next_proposer(job, run) == "model"


def _next_proposer(job: Job, run: Run) -> Proposer | None:
    asked = _proposers(job, run, rung_of(run.rung) or BASE)
    return next((each for each in asked if each not in run.given_up), None)


def _proposers(job: Job, run: Run, rung: Rung) -> tuple[Proposer, ...]:
    """Who is asked, in this order. What needs no model goes first, once: it would find the same again."""
    if job.kind == "idea":
        return ("model",)  # there is nothing yet that could be searched, or that a remembered fix would fit
    is_first = not run.rung and run.id == next(iter(job.runs))
    return (*WITHOUT_A_MODEL, *rung.proposers) if is_first else rung.proposers


def limit_of(run: Run) -> EditScope | None:
    """How much an answer of this run may change; base runs trust the tests alone."""
    rung = rung_of(run.rung)
    return rung.edits if rung and rung.id else None
