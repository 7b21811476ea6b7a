"""The hand that certifies a project: made again from its recorded answers, measured again, signed, put in its place.

A project that its answers do not give again, or that gets other points the second time, goes back as a failed attempt.
"""

from collections.abc import Sequence

import msgspec
from anyio import current_time
from anyio.to_thread import run_sync
from msgspec.structs import replace

from daemon import __version__, certificate, steps
from daemon import events as e
from daemon.blobs import Blobs
from daemon.certificate import Listed, Proof, bounded, job_bytes, listing, rungs_of, sha256
from daemon.drops import Idea
from daemon.effects.certify import attempt_of
from daemon.effects.delivery import LOCK, Version, lock_of
from daemon.effects.ideas import Files, Writing, idea_of, plan_of, project_of
from daemon.effects.repair import failed
from daemon.effects.trees import Tree, is_inside
from daemon.effects.workshop import Seen, Workshop
from daemon.effects.world import World
from daemon.events import Fact
from daemon.text.answer import as_bytes
from daemon.text.score import Score, score
from daemon.text.shown import many
from daemon.text.unfinished import syntax

MEASURED = 2  # once before the decision, and once here


async def certify(shop: Workshop, step: steps.Certify, world: World) -> Sequence[Fact]:
    """Do it again, sign what held, and put the project where a person finds it."""
    begun = current_time()
    idea, last, nothing = idea_of(step), step.attempts[-1], await shop.nothing()
    plan = await plan_of(world.blobs, idea, step.evidence)
    writing = Writing(idea, plan, nothing)
    others = await run_sync(_others, step, writing, world.blobs)
    if others:
        return [failed(step, step.attempt, "other_failure", f"the recorded answers of {others} give other projects")]
    seen = await shop.measured(step.run, project_of(step.job, idea, plan, writing.files))
    scored = score(seen.measured)
    if scored.points != last.score:
        why = f"measured again it has {many(scored.points, 'point')}, where it had {last.score}: " + _told(scored)
        return [replace(failed(step, step.attempt, "other_failure", why), seconds=current_time() - begun)]
    changed = await run_sync(nothing.changed, as_bytes({**writing.files}))
    for blob in (job_bytes(idea), listing([])):
        await run_sync(world.blobs.put, blob)
    given = idea.acceptance_tests  # the person's own: they are as they are
    looked_at = {
        "plan read": bool(step.evidence),
        "answers read": bool(last.answer),
        "all edits landed": changed.tree == last.tree,
        "files parse": not syntax({path: text for path, text in writing.files.items() if path not in given}),
        "nothing outside touched": all(map(is_inside, writing.files)),
        "measured in the sandbox": bool(seen.sandbox.level),
        "enough points": scored.points >= shop.settings.passing_score,
        "recorded answers give the same tree": not others,
        "the same points again": scored.points == last.score,
    }
    proof = replace(
        _proof(step, idea, nothing, seen, scored),
        at=world.clock.now(),
        patch=sha256(changed.patch),
        rungs=rungs_of("idea", looked_at),
    )
    signed = certificate.sign(proof, await shop.key())
    folder = await shop.deliver(step.job, idea, await run_sync(_versions, step, seen, world.blobs))
    certified = e.Certified(
        job=step.job,
        run=step.run,
        attempt=step.attempt,
        certificate=await run_sync(world.blobs.put, signed),
        patch=await run_sync(world.blobs.put, changed.patch),
        folder=str(folder),
    )
    return [certified]


def _others(step: steps.Certify, writing: Writing, blobs: Blobs) -> str:
    """The attempts whose answers give something else than they gave, in words."""
    given = [one for one in step.attempts if one.answer]
    trees = [writing.take(blobs.get(one.answer).decode(), is_cut_off=one.is_cut_off) for one in given]
    differ = [str(one.number) for one, tree in zip(given, trees, strict=True) if tree != one.tree]
    return f"attempts {', '.join(differ)}" if differ else ""


def _told(scored: Score) -> str:
    return "\n".join(map(str, scored.findings))


def _versions(step: steps.Certify, seen: Seen, blobs: Blobs) -> list[Version]:
    """The project after each attempt that landed; the last one with what it was certified with."""
    versions = [Version(_message(step, one), _files(one, blobs)) for one in step.attempts if one.changes]
    last = versions[-1]
    locked = {LOCK: lock_of(seen.environment)} | last.files  # a lock of the project's own stays
    return [*versions[:-1], Version(last.message, locked)]


def _files(attempt: steps.Attempt, blobs: Blobs) -> Files:
    return msgspec.json.decode(blobs.get(attempt.changes), type=Files)


def _message(step: steps.Certify, attempt: steps.Attempt) -> str:
    points = "not measured" if attempt.score is None else many(attempt.score, "point")
    findings = "".join(f"{finding}\n" for finding in attempt.findings)
    return f"Attempt {attempt.number}: {points}\n\n{findings}{step.job}, run {step.run}\n"


def _proof(step: steps.Certify, idea: Idea, nothing: Tree, seen: Seen, scored: Score) -> Proof:
    """All but the time, the patch, and what was looked at."""
    return Proof(
        job=step.job,
        run=step.run,
        kind="idea",
        mendd=__version__,
        at=0.0,
        drop=sha256(job_bytes(idea)),
        repository="",
        pristine_tree=nothing.key,
        plan=step.evidence,
        wanted=[],
        red={},
        patch="",
        tree=step.attempts[-1].tree,
        green=[],
        baseline=Listed.of([]),
        repeats=MEASURED,
        sandbox=seen.sandbox.level,
        environment=seen.environment.key,
        rungs=[],
        score=scored.points,
        proposer=step.proposer,
        model=step.model,
        rung=step.rung,
        model_digest=step.model_digest,
        attempts_made=len(step.attempts),
        feedback_history=[attempt_of(attempt) for attempt in step.attempts],
        warnings=[bounded(str(finding)) for finding in scored.findings],
    )
