"""What a certificate teaches: the fix as a pattern, and whether those that were remembered had a part in it.

Facts about facts: nothing is touched here. Whether a fix is ever offered is for policy to say.
"""

from collections.abc import Iterator, Mapping

from daemon import events as e
from daemon import steps
from daemon.events import Fact
from daemon.inside.search.evidence import LONGEST_ERROR, literals
from daemon.text import gates
from daemon.text.pattern import Pattern, fix_name, learn, likeness, load, objection
from daemon.text.terms import Refused

TOLD_CHARACTERS = 1_500  # of the code before and after, for a prompt
ALIKE = 0.9  # of two patterns: the same idea, with other small things


def lessons(
    step: steps.Certify, held: gates.Held, files: Mapping[str, tuple[str, str]], patch: str, certificate: str
) -> Iterator[Fact]:
    """What is to be remembered, and how the remembered fixes did."""
    try:
        pattern: Pattern | None = learn(files)
    except Refused:
        pattern = None
    expected = literals(outcome.message[-LONGEST_ERROR:] for outcome in held.failed.values())
    if pattern is None or not objection(pattern, expected):
        text = pattern.text if pattern else ""
        before, after = _sides(patch)
        yield e.FixLearned(
            job=step.job,
            fix=fix_name(text or patch),
            signature=held.signature,
            before=before,
            after=after,
            pattern=text,
            message=held.message[:TOLD_CHARACTERS],
            project=step.project,
            run=step.run,
            certificate=certificate,
        )
    if replayed := step.attempts[-1].fix:
        yield e.FixTried(job=step.job, run=step.run, fix=replayed, worked=True, how="replayed")
    if any(attempt.proposer == "model" for attempt in step.attempts):
        for shown in step.shown:
            worked = step.proposer == "model" and _is_alike(shown.pattern, pattern)
            yield e.FixTried(job=step.job, run=step.run, fix=shown.fix, worked=worked)


def _is_alike(remembered: str, pattern: Pattern | None) -> bool:
    """Whether the certified change is what was remembered."""
    if not remembered or pattern is None:
        return False
    try:
        return likeness(load(remembered), pattern) >= ALIKE
    except Refused:
        return False


def _sides(patch: str) -> tuple[str, str]:
    """The changed lines of a diff with those around them, as they were and as they are."""
    lines = [line for line in patch.splitlines() if line[:3] not in ("---", "+++") and line[:1] in (" ", "-", "+")]
    before = "\n".join(line[1:] for line in lines if line[0] != "+")
    after = "\n".join(line[1:] for line in lines if line[0] != "-")
    return before[:TOLD_CHARACTERS], after[:TOLD_CHARACTERS]
