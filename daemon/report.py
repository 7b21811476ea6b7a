"""A settled job as a page for a person. Markdown, made of nothing but what the facts say."""

from collections.abc import Iterator

from daemon.drops import Repair
from daemon.steps import Attempt
from daemon.views.jobs import Job, Run

SHOWN_CHARACTERS = 2_000


def report(job: Job) -> str:
    """What was asked, how it ended, and what was tried on the way."""
    return "\n".join(_lines(job)) + "\n"


def _lines(job: Job) -> Iterator[str]:
    yield f"# {job.id}: {_flat(job.title)}"
    yield ""
    yield f"**{job.outcome}**{f': {_flat(job.reason)}' if job.reason else ''}"
    yield ""
    yield f"- {job.kind} in project {_flat(job.project)}"
    if isinstance(job.drop, Repair):
        yield f"- repository {_flat(job.drop.repo)} {job.drop.base_commit}".rstrip()
        yield f"- tests to turn green: {len(job.drop.tests)}"
    attempts = [attempt for run in job.runs.values() for attempt in run.attempts]
    yield f"- {len(job.runs)} runs, {len(attempts)} attempts, {sum(attempt.tokens for attempt in attempts)} tokens"
    yield f"- {job.settled_at - job.accepted_at:.1f} s from accepted to settled"
    for run in job.runs.values():
        yield from _run(run)


def _run(run: Run) -> Iterator[str]:
    yield ""
    yield f"## Run {run.number}{f', rung {run.rung}' if run.rung else ''}: {run.outcome or run.state}"
    yield ""
    yield f"- proposer {run.proposer}{f', model {_flat(run.model)}' if run.model else ''}"
    if run.red:
        yield f"- red gate ({run.signature}): {_flat(run.red)}"
    if run.reason:
        yield f"- {_flat(run.reason)}"
    if run.faults:
        yield f"- the world was at fault {run.faults} times; the last: {_flat(run.fault_message)}"
    if run.crashes:
        yield f"- a step crashed {run.crashes} times; the last: {_flat(run.crash_message)}"
    for attempt in run.attempts:
        yield f"- attempt {attempt.number}: {_attempt(attempt)}"


def _attempt(attempt: Attempt) -> str:
    parts = [f"{attempt.failure}: {_flat(attempt.message)}" if attempt.failure else "green"]
    if attempt.score is not None:
        parts.append(f"score {attempt.score}")
    if attempt.files:
        parts.append("files " + ", ".join(_flat(file) for file in attempt.files))
    if attempt.broken:
        parts.append(f"broke {len(attempt.broken)} tests")
    return "; ".join(parts)


def _flat(text: str) -> str:
    """Untrusted text on one line, so that it cannot pose as a part of the page."""
    flat = " ".join(text[:SHOWN_CHARACTERS].split())
    return flat.replace("`", "'").replace("<", "&lt;")
