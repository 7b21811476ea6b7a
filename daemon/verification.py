"""Whether a certificate still holds, found out by somebody who believes nothing but a public key.

First the papers: the signature, the digests, the job. Then everything is done again, by hands that come through the
`Replay` Protocol: the pristine tree, red, the patch, green, or of an idea its points, and what the recorded answers
give. The first papers that differ end it, for a replay of something else would prove nothing.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from daemon.blobs import BlobBroken
from daemon.certificate import Check, Invalid, Listed, Proof, Trust, read, sha256
from daemon.codec import UNDECODABLE
from daemon.drops import Job, Repair
from daemon.rungs import EditScope
from daemon.text.shown import many, printable
from daemon.text.wanted import lasting

SHOWN = 3  # tests named in one difference
Blob = Callable[[str], bytes]  # digest → value; LookupError, OSError or BlobBroken where there is none


class Differs(Exception):  # noqa: N818  said of what was replayed
    """Something could not be done again as the certificate says. The message says what."""


class Red(Struct, frozen=True):
    """What the red gate saw: the ids that the wanted tests stand for, those of them that fail, and what passes."""

    targets: Collection[str]
    failing: Collection[str]
    baseline: Collection[str]
    flaky: Collection[str] = ()


class Replay(Protocol):
    """Hands that do it all again in a clean sandbox, used in this order. Each may find that something `Differs`."""

    async def pristine(self, proof: Proof, job: Job) -> str:
        """Make the job's tree, test patch applied; say its git tree id."""

    async def red(self) -> Red:
        """Run the red gate there."""

    async def patched(self, patch: bytes) -> str:
        """Apply the patch to the pristine tree; say the id of what comes out. Differs where it does not apply."""

    async def green(self) -> Collection[str]:
        """Run the tests on the patched tree, test files restored; say the ids of those that pass."""

    async def scored(self, plan: bytes) -> int:
        """Measure the patched project of an idea, by what its plan says; its points."""

    async def answered(self, answer: bytes, *, is_cut_off: bool, limit: EditScope | None) -> str:
        """Land a recorded answer on the pristine tree, or on what an idea's answers before it came to.

        Says the id of what comes out, "" where nothing lands.
        """


async def verify(certificate: bytes, patch: bytes, blob: Blob, replay: Replay, trusted: Trust) -> list[Check]:
    """Everything that was checked, up to the first thing that makes the rest pointless."""
    try:
        proof = read(certificate, trusted)
    except Invalid as error:
        return [_check("certificate", str(error))]
    blobs, lost = _fetched(proof, blob)
    checks = [_check("certificate"), _check("patch", _other(sha256(patch), proof.patch)), _check("blobs", *lost)]
    if not _all_held(checks):
        return checks
    try:
        job = msgspec.json.decode(blobs[proof.drop], type=Job)
        baseline = msgspec.json.decode(blobs[proof.baseline.digest], type=list[str])
    except UNDECODABLE as error:
        return [*checks, _check("job", f"a blob does not hold what it should: {error}")]
    checks.append(_check("job", *_contradictions(proof, job, baseline)))
    if not _all_held(checks):
        return checks
    if isinstance(job, Repair):
        checks += [check async for check in _tests_again(proof, job, baseline, patch, replay)]
    else:
        checks += [check async for check in _points_again(proof, job, blobs[proof.plan], patch, replay)]
    if _all_held(checks):
        checks += [check async for check in _answers_again(proof, blobs, replay)]
    return checks


def told(checks: Sequence[Check]) -> str:
    """The checks as lines for a person, the verdict last."""
    lines = [f"ok       {check.what}" if check.held else f"DIFFERS  {check.what}: {check.why}" for check in checks]
    differ = sum(not check.held for check in checks)
    verdict = f"it does not hold: {differ} of {many(len(checks), 'check')} found a difference" if differ else "it holds"
    return "\n".join(map(printable, [*lines, verdict])) + "\n"


# The papers


def _fetched(proof: Proof, blob: Blob) -> tuple[dict[str, bytes], list[str]]:
    """All blobs that the certificate names, and what is wrong with those that are not there."""
    blobs: dict[str, bytes] = {}
    lost = []
    for digest, name in _named(proof).items():
        try:
            blobs[digest] = blob(digest)
        except (LookupError, OSError, BlobBroken) as error:
            lost.append(f"{name} ({digest}) cannot be had: {error}")
        else:
            if found := _other(sha256(blobs[digest]), digest):
                lost.append(f"{name} was exchanged: {found}")
    return blobs, lost


def _named(proof: Proof) -> dict[str, str]:
    named = {proof.drop: "the job", proof.baseline.digest: "the list of the tests that passed before"}
    if proof.plan:
        named[proof.plan] = "the plan"
    if proof.diagnosis:
        named[proof.diagnosis] = "the diagnosis"
    for attempt in proof.feedback_history:
        named[attempt.prompt] = f"the prompt of attempt {attempt.number}"
        named[attempt.answer] = f"the answer of attempt {attempt.number}"
    named.pop("", None)
    return named


def _contradictions(proof: Proof, job: Job, baseline: list[str]) -> Iterator[str]:
    """What the certificate says otherwise than the blobs that it names."""
    if Listed.of(baseline) != proof.baseline:
        yield f"the list of the tests that passed before has {len(baseline)}, the certificate {proof.baseline.count}"
    if (proof.kind == "repair") != isinstance(job, Repair):
        yield f"it is no {proof.kind}"
    if not isinstance(job, Repair):
        return
    if job.repo != proof.repository:
        yield f"it is about {job.repo}, the certificate about {proof.repository}"
    if job.base_commit != proof.base_commit:
        yield f"it is about commit {job.base_commit or 'HEAD'}, the certificate about {proof.base_commit or 'HEAD'}"
    if list(dict.fromkeys(job.tests)) != proof.wanted:
        yield f"it wants other tests: {_apart(job.tests, proof.wanted)}"
    if (sha256(job.test_patch.encode()) if job.test_patch else "") != proof.test_patch:
        yield "it has another test patch"


# The replay


async def _tests_again(
    proof: Proof, job: Job, baseline: list[str], patch: bytes, replay: Replay
) -> AsyncIterator[Check]:
    pristine = await _attempted(replay.pristine(proof, job))
    yield _check("pristine tree", _other(pristine, proof.pristine_tree))
    if pristine != proof.pristine_tree:
        return
    try:
        red = await replay.red()
    except Differs as error:
        yield _check("red again", str(error))
        return
    yield _check("red again", *_red_differs(proof, red))
    yield _check("the same tests pass before", _apart(red.baseline, baseline, besides={*red.flaky, *proof.flaky}))
    tree = await _attempted(replay.patched(patch))
    yield _check("resulting tree", _other(tree, proof.tree))
    if tree != proof.tree:
        return
    try:
        passing = await replay.green()
    except Differs as error:
        yield _check("green again", str(error))
        return
    missing = _looks(proof.green, baseline) - _looks(passing) - (_looks(red.flaky) - _looks(proof.green))
    yield _check("green again", f"not passing: {_some(missing)}" if missing else "")


async def _points_again(proof: Proof, job: Job, plan: bytes, patch: bytes, replay: Replay) -> AsyncIterator[Check]:
    pristine = await _attempted(replay.pristine(proof, job))
    yield _check("pristine tree", _other(pristine, proof.pristine_tree))
    if pristine != proof.pristine_tree:
        return
    tree = await _attempted(replay.patched(patch))
    yield _check("resulting tree", _other(tree, proof.tree))
    if tree != proof.tree:
        return
    try:
        points = await replay.scored(plan)
    except Differs as error:
        yield _check("the same points again", str(error))
        return
    yield _check("the same points again", _other(str(points), str(proof.score)))


async def _answers_again(proof: Proof, blobs: dict[str, bytes], replay: Replay) -> AsyncIterator[Check]:
    hand = replay.answered
    for attempt in proof.feedback_history:
        if attempt.answer:
            tree = await _attempted(hand(blobs[attempt.answer], is_cut_off=attempt.is_cut_off, limit=proof.limit))
            yield _check(f"answer {attempt.number} gives the same tree", _other(tree, attempt.tree))


def _red_differs(proof: Proof, red: Red) -> Iterator[str]:
    if apart := _apart(red.targets, proof.green):
        yield f"the wanted tests stand for others: {apart}"
    if apart := _apart(set(red.failing) & set(red.targets), proof.red):
        yield f"others fail: {apart}"


async def _attempted(hand: Awaitable[str]) -> str:
    """The tree that a hand made, or why it could make none."""
    try:
        return await hand
    except Differs as error:
        return str(error)


# Words


def _check(what: str, *differences: str) -> Check:
    why = "; ".join(filter(None, differences))
    return Check(what=what, held=not why, why=why)


def _all_held(checks: Sequence[Check]) -> bool:
    return all(check.held for check in checks)


def _other(found: str, said: str) -> str:
    return "" if found == said else f"{found or 'nothing'}, where the certificate says {said or 'nothing'}"


def _apart(found: Collection[str], said: Collection[str], besides: Collection[str] = ()) -> str:
    """How two collections of tests differ, as far as the ids of two sessions can be told apart."""
    here, there, excused = (Counter(map(lasting, set(names))) for names in (found, said, besides))
    more, less = here - there - excused, there - here - excused
    parts = [f"only here: {_some(more)}"] if more else []
    return ", ".join([*parts, f"only in the certificate: {_some(less)}"] if less else parts)


def _looks(*names: Collection[str]) -> set[str]:
    return {lasting(name) for each in names for name in each}


def _some(tests: Collection[str]) -> str:
    more = f" and {len(tests) - SHOWN} more" if len(tests) > SHOWN else ""
    return ", ".join(sorted(tests)[:SHOWN]) + more
