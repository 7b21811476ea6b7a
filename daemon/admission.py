"""Entries → facts: what each thing that was dropped leads to, or why it leads to nothing."""

from typing import Literal

from daemon import drops
from daemon import events as e
from daemon.drops import Course, ErrorReport, Idea, Repair, Retry, Unfit
from daemon.events import Fact
from daemon.letter import Entry, Letter, printable
from daemon.text import signature
from daemon.views import Views
from daemon.views.jobs import Job

MESSAGE_CHARACTERS = 300


def fact_of(views: Views, letter: Letter, number: int, entry: Entry, recalled: dict[str, Job]) -> Fact:
    """What an entry leads to."""
    try:
        match entry.read:
            case Repair() | Idea():
                return _accepted(views, letter, number, entry.read)
            case Course():
                return _ramped(views, letter, number, entry.read, entry.blob)
            case ErrorReport():
                return _reported(views, letter, number, entry.read)
            case Retry():
                return _reopened(views, letter, number, entry.read, recalled)
            case Unfit():
                return _rejected(letter, number, entry.read)
    except Unfit as unfit:
        entry.read = unfit
        return _rejected(letter, number, unfit)


def _accepted(views: Views, letter: Letter, number: int, drop: drops.Job) -> Fact:
    kind: Literal["repair", "idea"] = "idea" if isinstance(drop, Idea) else "repair"
    return e.JobAccepted(
        source=letter.source,
        entry=number,
        job=f"{kind[0]}-{views.jobs.accepted + 1:06d}",
        kind=kind,
        project=_project(drop),
        title=_title(drop),
        drop=drop,
        priority=drop.priority,
    )


def _ramped(views: Views, letter: Letter, number: int, course: Course, blob: str) -> Fact:
    return e.RampAccepted(
        source=letter.source,
        entry=number,
        ramp=f"m-{views.ramp.accepted + 1:06d}",
        title=course.title,
        blob=blob,
        instances=list(course.repairs),
        phases=course.phases,
        targets=course.targets,
        gold_check=course.gold_check,
    )


def _resumed(views: Views, letter: Letter, number: int, retry: Retry) -> Fact:
    """A ramp that was over goes on with what failed, or with one instance; or it is given up."""
    ramp = views.ramp.ramps.get(retry.job)
    if ramp is None:
        raise Unfit("job", "a ramp that is remembered", retry.job, "look in state/views/ramp.json, or drop it anew")
    if retry.rung or retry.hint:
        field = "rung" if retry.rung else "hint"
        raise Unfit(field, "nothing, for a ramp", "something", "retry one of its jobs, such as r-000001, with that")
    if retry.cancel and ramp.settled is None:
        return e.CancelAsked(source=letter.source, entry=number, job=ramp.id)
    if retry.cancel or ramp.settled is None:
        field, wanted = ("cancel", "a ramp under way") if retry.cancel else ("job", "a ramp that is over")
        remedy = "there is nothing to cancel" if retry.cancel else 'wait for its end, or give it up: "cancel": true'
        raise Unfit(field, wanted, f"{ramp.id}, which is {ramp.settled.outcome if ramp.settled else 'open'}", remedy)
    again = [retry.instance] if retry.instance else ramp.unsolved()
    if retry.instance and not (retry.instance in ramp.instances and ramp.instances[retry.instance].job):
        remedy = f"`python -m daemon explain {ramp.id}` names them all"
        raise Unfit("instance", "an instance that the ramp has come to", retry.instance, remedy)
    if not again and ramp.settled.outcome == "reached":
        raise Unfit("job", "a ramp in which something failed", ramp.id, "name one of its instances to run it again")
    return e.RampReopened(source=letter.source, entry=number, ramp=ramp.id, instances=again)


def _reported(views: Views, letter: Letter, number: int, report: ErrorReport) -> Fact:
    message = "\n".join(filter(None, (report.message, report.traceback)))
    if report.repo:
        repair = Repair(
            repo=report.repo, tests=report.tests, project=report.project, problem=message, priority=report.priority
        )
        return _accepted(views, letter, number, repair)
    name, _ = signature.of(message)
    lines = report.message.strip().splitlines()[:1] or report.traceback.strip().splitlines()[-1:]
    return e.ErrorReported(
        source=letter.source,
        entry=number,
        project=report.project,
        signature=name,
        message=lines[0][:MESSAGE_CHARACTERS],
    )


def _reopened(views: Views, letter: Letter, number: int, retry: Retry, recalled: dict[str, Job]) -> Fact:
    jobs = views.jobs
    if retry.job.startswith("m"):
        return _resumed(views, letter, number, retry)
    if retry.instance:
        raise Unfit("instance", "a ramp in job, where instance is given", retry.job, "write job: m-000001, or leave")
    if retry.job in jobs.open:
        if retry.cancel:
            return e.CancelAsked(source=letter.source, entry=number, job=retry.job)
        remedy = 'wait until it has settled, or give it up first: the same with "cancel": true'
        raise Unfit("job", "a settled job", f"{retry.job}, which is still open", remedy)
    job = jobs.settled.get(retry.job) or recalled.get(retry.job)
    if job is None:
        remedy = "look its id up in state/results/ or in state/views/jobs.json"
        raise Unfit("job", "a job that exists", f"{retry.job}, which does not", remedy)
    if retry.cancel:
        remedy = "there is nothing left to cancel: delete this drop"
        raise Unfit("cancel", "an open job", f"{retry.job}, which has settled as {job.outcome}", remedy)
    return e.JobReopened(
        source=letter.source,
        entry=number,
        job=job.id,
        kind=job.kind,
        project=job.project,
        title=job.title,
        drop=job.drop,
        runs_before=job.runs_before + len(job.runs),
        priority=job.priority,
        rung=retry.rung,
        hint=retry.hint,
        ramp=job.ramp,
        instance=job.instance,
    )


def _rejected(letter: Letter, number: int, unfit: Unfit) -> Fact:
    return e.DropRejected(
        source=letter.source,
        entry=number,
        inlet=letter.inlet,
        name=printable(letter.path.name),
        field=unfit.field,
        expected=unfit.expected,
        got=unfit.got,
        remedy=unfit.remedy,
    )


def _project(drop: drops.Job) -> str:
    if isinstance(drop, Idea):
        return drop.title
    return drop.project or drop.repo.rstrip("/").rpartition("/")[2].removesuffix(".git") or drop.repo


def _title(drop: drops.Job) -> str:
    if isinstance(drop, Idea):
        return drop.title
    return drop.title or f"{_project(drop)}: {drop.tests[0]}" + (
        f" and {len(drop.tests) - 1} more" if drop.tests[1:] else ""
    )
