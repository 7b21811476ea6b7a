"""The hand that certifies: everything is done once more from what was recorded, and only what held is signed.

The recorded answers are landed again on the pristine tree, and the tests are run again on what they give: a repair that
cannot be repeated is no repair, and goes back as a failed attempt.
"""

from collections.abc import Collection, Sequence
from functools import partial

from anyio import current_time
from anyio.to_thread import run_sync
from msgspec.structs import replace

from daemon import __version__, certificate, steps
from daemon import events as e
from daemon.certificate import Attempt, Listed, Proof, bounded, job_bytes, listing, rungs_of, sha256
from daemon.drops import Repair
from daemon.effects.lessons import lessons
from daemon.effects.repair import failed, not_passed, recall, repair_of
from daemon.effects.trees import NoPlainFile, Tree, is_inside
from daemon.effects.workshop import Bench, Workshop
from daemon.effects.world import World
from daemon.events import Fact
from daemon.text import context, gates
from daemon.text.answer import Texts, as_bytes, landed
from daemon.text.dialects import Unreadable
from daemon.text.landing import Refused
from daemon.text.objections import PYTHON, syntax_error
from daemon.text.plan import is_test

GREEN_RUNS = 2  # the green gate's, and the one here


async def certify(shop: Workshop, step: steps.Certify, world: World) -> Sequence[Fact]:
    """Do it again, and sign what held."""
    begun = current_time()
    drop = repair_of(step)
    held = await recall(world.blobs, step.evidence, gates.Held)
    bench = await shop.bench(step.job, drop)
    again = [await _again(shop, step, bench.tree, attempt, world) for attempt in step.attempts]
    others = [attempt.number for attempt, tree in zip(step.attempts, again, strict=True) if tree != attempt.tree]
    last = step.attempts[-1]
    texts = await recall(world.blobs, last.changes, Texts)
    changes = as_bytes(texts)
    tested_at = current_time()
    outcomes = await shop.tested(step.job, step.run, drop, bench, changes)
    tested_s = current_time() - tested_at
    verdict = gates.green(held, outcomes)
    if isinstance(verdict, gates.NotPassed):
        return [not_passed(step, step.attempt, verdict, current_time() - begun)]
    if others:
        why = f"the recorded answers of attempts {others} give other trees than before"
        return [failed(step, step.attempt, "other_failure", why)]
    changed = await run_sync(bench.tree.changed, changes)
    for blob in (job_bytes(drop), listing(held.baseline)):
        await run_sync(world.blobs.put, blob)
    proof = replace(
        _proof(step, drop, held, bench),
        at=world.clock.now(),
        patch=sha256(changed.patch),
        rungs=rungs_of("repair", _seen(step, held, texts, again, gates.passing(held, outcomes))),
    )
    signed = certificate.sign(proof, await shop.key())
    branch, no_branch = await shop.land(step.job, drop, changed.patch) if drop.land_branch else ("", "")
    files, _ = await shop.texts(bench.tree)
    certified = e.Certified(
        job=step.job,
        run=step.run,
        attempt=step.attempt,
        certificate=await run_sync(world.blobs.put, signed),
        patch=await run_sync(world.blobs.put, changed.patch),
        branch=branch,
        no_branch=no_branch,
        sandbox=bench.sandbox.level,
        not_run=await run_sync(_not_run, list(outcomes.tests), list(files)),
        seconds=tested_s,
    )
    both = {path: (files.get(path) or "", text or "") for path, text in texts.items()}
    patch = changed.patch.decode(errors="replace")
    taught = await run_sync(lambda: list(lessons(step, held, both, patch, certified.certificate)))
    return [certified, *taught]


def _not_run(ran: Sequence[str], paths: Sequence[str]) -> int:
    """How many files of tests the repository has beside those of the tests that ran."""
    return len({path for path in paths if is_test(path)}.difference(context.test_files(ran, paths)))


async def _again(shop: Workshop, step: steps.Certify, tree: Tree, attempt: steps.Attempt, world: World) -> str:
    """The tree that a recorded answer gives now; "" where it gives none."""
    if not attempt.answer:
        return ""
    files, _ = await shop.texts(tree)
    answer = (await run_sync(world.blobs.get, attempt.answer)).decode()
    try:
        land = partial(landed, is_cut_off=attempt.is_cut_off, limit=step.limit)
        texts = await run_sync(land, answer, files, repair_of(step).tests)
        return (await run_sync(tree.changed, as_bytes(texts))).tree
    except (Unreadable, Refused, NoPlainFile):
        return ""


def _seen(
    step: steps.Certify, held: gates.Held, texts: Texts, again: Sequence[str], passing: Collection[str]
) -> dict[str, bool]:
    """What a certificate has to have looked at, looked at once more: nothing is taken from the steps before."""
    last = step.attempts[-1]
    is_kept, is_mended = set(held.baseline) <= set(passing), set(held.ids) <= set(passing)
    is_same = list(again) == [attempt.tree for attempt in step.attempts]
    programs = [text for path, text in texts.items() if text is not None and path.endswith(PYTHON)]
    return {
        "answer read": bool(again[-1]),
        "all edits landed": again[-1] == last.tree,
        "changed files parse": not any(map(syntax_error, programs)),
        "nothing outside touched": all(map(is_inside, texts)),
        "targets green": is_mended,
        "nothing that passed broke": is_kept,
        "repeated runs agree": is_mended and is_kept,  # as the green gate saw it before
        "recorded answers give the same tree": is_same,
        "same verdicts again": is_mended and is_kept and bool(held.failed),
    }


def _proof(step: steps.Certify, drop: Repair, held: gates.Held, bench: Bench) -> Proof:
    """All but the time, the patch, and what was looked at."""
    return Proof(
        job=step.job,
        run=step.run,
        kind="repair",
        mendd=__version__,
        at=0.0,
        drop=sha256(job_bytes(drop)),
        repository=drop.repo,
        base_commit=drop.base_commit,
        test_patch=sha256(drop.test_patch.encode()) if drop.test_patch else "",
        pristine_tree=bench.tree.key,
        wanted=list(dict.fromkeys(drop.tests)),
        red={name: bounded(outcome.message) for name, outcome in held.failed.items()},
        patch="",
        tree=step.attempts[-1].tree,
        green=held.ids,
        baseline=Listed.of(held.baseline),
        flaky=held.flaky,
        repeats=GREEN_RUNS,
        sandbox=bench.sandbox.level,
        environment=bench.environment.key,
        python=held.python,
        rungs=[],
        proposer=step.proposer,
        model=step.model if step.proposer == "model" else "",
        rung=step.rung,
        limit=step.limit,
        model_digest=step.model_digest if step.proposer == "model" else "",
        diagnosis=step.diagnosis,
        advisor=step.advisor,
        attempts_made=len(step.attempts),
        feedback_history=[attempt_of(attempt) for attempt in step.attempts],
        warnings=step.attempts[-1].warnings,
    )


def attempt_of(attempt: steps.Attempt) -> Attempt:
    """What a certificate says of an attempt."""
    return Attempt(
        number=attempt.number,
        prompt=attempt.prompt,
        answer=attempt.answer,
        tree=attempt.tree,
        failure=attempt.failure,
        message=bounded(attempt.message),
        seed=attempt.seed,
        tokens_in=attempt.tokens_in,
        tokens_out=attempt.tokens_out,
        is_cut_off=attempt.is_cut_off,
        seconds=attempt.seconds,
    )
