"""A settled job as a page for a person. Markdown, made of nothing but what the facts say."""

from collections.abc import Iterator

from daemon.drops import Repair
from daemon.steps import Attempt
from daemon.text.shown import printable
from daemon.views.jobs import Job, Run

SHOWN_CHARACTERS = 2_000
SHOWN_LINES = 24  # of one message: about a screen


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
        yield f"- red gate ({run.signature}):"
        yield from _quoted(run.red)
    if run.reason:
        yield f"- {_flat(run.reason)}"
    if run.faults:
        yield f"- the world was at fault {run.faults} times; the last: {_flat(run.fault_message)}"
    if run.crashes:
        yield f"- a step crashed {run.crashes} times; the last: {_flat(run.crash_message)}"
    for attempt in run.attempts:
        yield from _attempt(attempt)


def _attempt(attempt: Attempt) -> Iterator[str]:
    parts: list[str] = [attempt.failure or "green"]
    if attempt.score is not None:
        parts.append(f"score {attempt.score}")
    if attempt.files:
        parts.append("files " + ", ".join(_flat(file) for file in attempt.files))
    if attempt.fixed:
        parts.append(f"fixed {attempt.fixed} tests")
    if attempt.broken:
        parts.append(f"broke {len(attempt.broken)} tests")
    yield f"- attempt {attempt.number}, by {attempt.proposer or 'nobody'}: {'; '.join(parts)}"
    if attempt.failure:
        yield from _quoted(attempt.message)


def _quoted(text: str) -> Iterator[str]:
    """Untrusted text as a block that nothing in it can end: every line is indented."""
    lines = text[:SHOWN_CHARACTERS].splitlines()
    yield ""
    for line in lines[:SHOWN_LINES]:
        yield f"      {printable(line)}".rstrip()
    if len(lines) > SHOWN_LINES or len(text) > SHOWN_CHARACTERS:
        yield "      …"
    yield ""


def _flat(text: str) -> str:
    """Untrusted text on one line, so that it cannot pose as a part of the page."""
    flat = " ".join(text[:SHOWN_CHARACTERS].split())
    return flat.replace("`", "'").replace("<", "&lt;")
