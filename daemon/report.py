"""A settled job as a page for a person: how it ended, then a row for each run, then what was said, each thing once.

Markdown, made of nothing but what the facts say. Twenty-three runs have to stay one page, so nothing is told per run
that is the same for all of them, and what no page holds is left to `python -m daemon show`.
"""

from collections.abc import Iterable, Iterator

from daemon.drops import Repair
from daemon.steps import Attempt
from daemon.text.shown import many, printable
from daemon.views.jobs import Job, Run

SHOWN_CHARACTERS = 2_000
SHOWN_LINES = 24  # of one message: about a screen
PATCH_LINES = 60  # of a change: most are shorter
REASON_CHARACTERS = 300  # in the sentence that stands first
CELL_CHARACTERS = 100
MESSAGES_TOLD = 12  # that differ; with more, it is no page any more
PLACES_TOLD = 30  # attempts that came to the same
RUN_COLUMNS = ("run", "rung", "asked", "attempts", "tokens", "seconds", "ended", "because")
ECHO = "this is the very change that failed before"


def report(job: Job, change: str = "") -> str:
    """What was asked, how it ended and what was tried; `change` is the patch, or else the best that was found."""
    return "\n".join(_lines(job, change)) + "\n"


def _lines(job: Job, change: str) -> Iterator[str]:
    yield f"# {job.id}: {_flat(job.title)}"
    yield ""
    yield f"**{job.outcome}**{f': {_flat(job.reason, REASON_CHARACTERS)}' if job.reason else ''}"
    yield ""
    yield f"- {job.kind} in project {_flat(job.project)}"
    if isinstance(job.drop, Repair):
        yield f"- repository {_flat(job.drop.repo)} {job.drop.base_commit}".rstrip()
        yield f"- tests to turn green: {len(job.drop.tests)}"
    if (certified := job.certified_run()) and certified.folder:
        yield f"- the project lies in {_flat(certified.folder)}"
    if certified and certified.branch:
        yield f"- the patch is branch {_flat(certified.branch)} in it, too"
    if sandboxes := dict.fromkeys(run.sandbox for run in job.runs.values() if run.sandbox):
        yield f"- sandbox: {', '.join(sandboxes)}"
    attempts = [attempt for run in job.runs.values() for attempt in run.attempts]
    tokens = sum(each.tokens for run in job.runs.values() for each in run.rounds())
    yield f"- {many(len(job.runs), 'run')}, {many(len(attempts), 'attempt')}, {many(tokens, 'token')}"
    yield f"- {job.settled_at - job.accepted_at:.1f} s from accepted to settled"
    if job.outcome == "failed":
        again = f'{{"job": "{job.id}", "hint": "…"}}'
        yield f"- to have it tried again, told what you know: `{again}` in queue/retries/"
    runs = list(job.runs.values())
    yield from _changed(job, change)
    yield from _red(runs)
    if runs:
        yield from ("", "## The runs", "", *_table(runs))
        yield from _trouble(runs)
        yield from _messages(job.id, runs)


def _changed(job: Job, change: str) -> Iterator[str]:
    """The change that came of it, with what its reader has to mind before he merges it."""
    certified = job.certified_run()
    if certified:
        warnings = [warning for attempt in certified.attempts[-1:] for warning in attempt.warnings]
        yield from ("", "## The patch", "", *(f"- mind: {_flat(warning, REASON_CHARACTERS)}" for warning in warnings))
        yield f"- to prove it again: `python -m daemon verify …/{job.id}/certificate.json`, the one beside this page"
    elif change and (nearest := job.nearest()):
        yield from ("", f"## The best that was found: {_verdict(nearest)}")
    if change:
        yield from _quoted(change, PATCH_LINES)


def _red(runs: Iterable[Run]) -> Iterator[str]:
    """What the red gate saw: every run of a job sees the same."""
    if first := next((run for run in runs if run.red), None):
        yield from ("", f"## What was wrong ({first.signature})")
        yield from _quoted(first.red)


def _table(runs: Iterable[Run]) -> Iterator[str]:
    yield f"| {' | '.join(RUN_COLUMNS)} |"
    yield f"|{' --- |' * len(RUN_COLUMNS)}"
    for run in runs:
        asked = dict.fromkeys(attempt.proposer or "nobody" for attempt in run.attempts)
        tokens = sum(each.tokens for each in run.rounds())
        seconds = sum(attempt.seconds for attempt in run.attempts)
        advised = f", advised by {run.advisor}" if run.advisor else ""
        model = f" ({run.model}{advised})" if run.model else ""
        because = ", ".join(_counted(attempt.failure for attempt in run.attempts if attempt.failure)) or run.reason
        counts = f"{len(run.attempts)} | {tokens} | {seconds:.1f}"
        ended = run.outcome or run.state
        who = _cell(", ".join(asked) + model)
        yield f"| {run.number} | {run.rung or 'base'} | {who} | {counts} | {ended} | {_cell(because)} |"


def _counted(words: Iterable[str]) -> list[str]:
    """Each word once, with how often it came."""
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return [f"{count} {word}" if count > 1 else word for word, count in counts.items()]


def _trouble(runs: Iterable[Run]) -> Iterator[str]:
    """What came between a run and its attempts."""
    for run in runs:
        if run.faults:
            yield from ("", f"Run {run.number}: the world was at fault {many(run.faults, 'time')}; the last:")
            yield from _quoted(run.fault_message)
        if run.crashes:
            yield from ("", f"Run {run.number}: a step crashed {many(run.crashes, 'time')}; the last:")
            yield from _quoted(run.crash_message)


def _messages(job: str, runs: Iterable[Run]) -> Iterator[str]:
    """What the attempts came to. What several came to stands there once, with their places as run.attempt."""
    places: dict[tuple[str, str], list[str]] = {}
    files: dict[tuple[str, str], dict[str, None]] = {}
    for run in runs:
        for attempt in run.attempts:
            said = (_verdict(attempt), "" if attempt.message.startswith(ECHO) else attempt.message)
            places.setdefault(said, []).append(f"{run.number}.{attempt.number}")
            files.setdefault(said, {}).update(dict.fromkeys(attempt.files))
    if places:
        yield from ("", "## What the attempts came to")
    for said in list(places)[:MESSAGES_TOLD]:
        verdict, message = said
        changed = f"; changed {', '.join(map(_flat, files[said]))}" if files[said] else ""
        yield from ("", f"**{verdict}**, {_in_short(places[said])}{changed}")
        if message:
            yield from _quoted(message)
    if (more := len(places) - MESSAGES_TOLD) > 0:
        yield from ("", f"{more} other messages: `python -m daemon show {job}` tells them.")


def _verdict(attempt: Attempt) -> str:
    parts: list[str] = [attempt.verdict]
    if attempt.score is not None:
        parts.append(f"score {attempt.score}")
    if attempt.fixed:
        parts.append(f"fixed {many(attempt.fixed, 'test')}")
    if attempt.broken:
        parts.append(f"broke {many(len(attempt.broken), 'test')}")
    return ", ".join(parts)


def _in_short(places: list[str]) -> str:
    more = f" and {len(places) - PLACES_TOLD} more" if len(places) > PLACES_TOLD else ""
    return f"in {', '.join(places[:PLACES_TOLD])}{more}"


def _quoted(text: str, most_lines: int = SHOWN_LINES) -> Iterator[str]:
    """Untrusted text as a block that nothing in it can end: every line is indented."""
    most = most_lines * CELL_CHARACTERS
    lines = text[:most].splitlines()
    yield ""
    for line in lines[:most_lines]:
        yield f"      {printable(line)}".rstrip()
    if len(lines) > most_lines or len(text) > most:
        yield "      …"


def _cell(text: str) -> str:
    """Untrusted text that cannot end its cell."""
    return _flat(text, CELL_CHARACTERS).replace("|", "¦")


def _flat(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """Untrusted text on one line, so that it cannot pose as a part of the page."""
    flat = " ".join(text[:SHOWN_CHARACTERS].split())
    flat = flat if len(flat) <= most else f"{flat[: most - 1]}…"
    return flat.replace("`", "'").replace("<", "&lt;")
