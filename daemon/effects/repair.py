"""The hands of a repair: environment, workspace, red gate, edits, green gate. Each says what it found, as facts.

A hand may be the first of a new life and may be done twice: it takes what it needs from its step, from blobs and from
the workshop, and leaves nothing behind but blobs. Asking a proposer and certifying have files of their own.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
from anyio import current_time
from anyio.to_thread import run_sync

from daemon import events as e
from daemon import steps
from daemon.blobs import Blobs
from daemon.drops import Idea, Repair
from daemon.effects.environment import EnvironmentRefused
from daemon.effects.trees import NoPlainFile, SourceRefused
from daemon.effects.workshop import Workshop
from daemon.effects.workspace import Escape
from daemon.effects.world import World
from daemon.events import Fact, Failure
from daemon.text import gates
from daemon.text.answer import Texts, as_bytes, landed
from daemon.text.context import tests_among
from daemon.text.dialects import Unreadable
from daemon.text.landing import Refused
from daemon.text.sameness import tree_digest

FIXED_TESTS_TOLD = 50  # by name; of more, the number is told

Value = TypeVar("Value")


async def prepare_environment(shop: Workshop, step: steps.PrepareEnvironment, _: World) -> Sequence[Fact]:
    """Make the tree and what its tests need."""
    begun = current_time()
    try:
        bench = await shop.bench(step.job, repair_of(step))
    except (SourceRefused, EnvironmentRefused) as refused:
        return [e.RunRefused(job=step.job, run=step.run, verdict="environment", cause=str(refused))]
    ready = e.EnvironmentReady(
        job=step.job,
        run=step.run,
        key=bench.environment.key,
        python=bench.environment.python,
        sandbox=bench.sandbox.level,
        seconds=current_time() - begun,
    )
    return [ready]


async def prepare_workspace(shop: Workshop, step: steps.PrepareWorkspace, _: World) -> Sequence[Fact]:
    """Show that a workspace can be opened over the pristine tree."""
    begun = current_time()
    bench = await shop.bench(step.job, repair_of(step))
    async with shop.workspace(step.run, bench) as (_workspace, kind):
        seconds = current_time() - begun
    return [e.WorkspaceReady(job=step.job, run=step.run, base=bench.tree.key, kind=kind, seconds=seconds)]


async def run_red_gate(shop: Workshop, step: steps.RunRedGate, world: World) -> Sequence[Fact]:
    """Test the untouched tree, unless an earlier run of the job has."""
    begun = current_time()
    known = await recall(world.blobs, step.known, gates.Held) if step.known else None
    verdict = known or await _red(shop, step)
    if isinstance(verdict, gates.Refused):
        return [e.RunRefused(job=step.job, run=step.run, verdict=verdict.verdict, cause=verdict.cause)]
    held = e.RedGateHeld(
        job=step.job,
        run=step.run,
        failing=verdict.failing,
        passing=len(verdict.baseline),
        signature=verdict.signature,
        message=verdict.message,
        evidence=await keep(world.blobs, verdict),
        seconds=current_time() - begun,
    )
    return [held]


async def _red(shop: Workshop, step: steps.RunRedGate) -> gates.Held | gates.Refused:
    """What the tests say, asked as often as the settings want it; where nothing could be judged, once is enough."""
    drop = repair_of(step)
    bench = await shop.bench(step.job, drop)
    sessions = [await shop.tested(step.job, step.run, drop, bench)]
    verdict = gates.red(sessions, drop.tests)
    if isinstance(verdict, gates.Refused) and verdict.verdict == "environment":
        return verdict
    sessions += [await shop.tested(step.job, step.run, drop, bench) for _ in range(1, shop.settings.gate_runs)]
    return gates.red(sessions, drop.tests)


async def apply_edits(shop: Workshop, step: steps.ApplyEdits, world: World) -> Sequence[Fact]:
    """Land the answer's edits on the pristine tree, all or nothing."""
    drop = repair_of(step)
    tree = await shop.tree(step.job, drop)
    files, _ = await shop.texts(tree)
    answer = (await run_sync(world.blobs.get, step.answer)).decode()
    try:
        texts = await run_sync(partial(landed, answer, files, drop.tests, is_cut_off=step.is_cut_off, limit=step.limit))
    except Unreadable as unreadable:
        return [failed(step, step.attempt, "unreadable_answer", str(unreadable))]
    except Refused as refused:
        is_syntax = all(refusal.why == "syntax" for refusal in refused.refusals)
        return [failed(step, step.attempt, "syntax" if is_syntax else "edit_did_not_land", str(refused))]
    try:
        changed = await run_sync(tree.changed, as_bytes(texts))
    except NoPlainFile as link:
        return [failed(step, step.attempt, "edit_did_not_land", str(link))]
    applied = e.EditsApplied(
        job=step.job,
        run=step.run,
        attempt=step.attempt,
        files=sorted(texts),
        diff=await run_sync(world.blobs.put, changed.patch),
        changes=await keep(world.blobs, texts),
        tree=changed.tree,
        meaning=tree_digest(texts),
    )
    return [applied]


async def run_green_gate(shop: Workshop, step: steps.RunGreenGate, world: World) -> Sequence[Fact]:
    """Test the changed tree."""
    begun = current_time()
    drop = repair_of(step)
    held = await recall(world.blobs, step.evidence, gates.Held)
    changes = as_bytes(await recall(world.blobs, step.changes, Texts))
    bench = await shop.bench(step.job, drop)
    files, _ = await shop.texts(bench.tree)
    if tests := await run_sync(tests_among, changes, [*held.ids, *held.baseline], files):
        return [failed(step, step.attempt, "edit_did_not_land", f"{tests[0]} holds tests: leave it as it is.")]
    try:
        outcomes = await shop.tested(step.job, step.run, drop, bench, changes)
    except Escape as escape:
        return [failed(step, step.attempt, "edit_did_not_land", str(escape))]
    seconds = current_time() - begun
    verdict = gates.green(held, outcomes)
    if isinstance(verdict, gates.NotPassed):
        return [not_passed(step, step.attempt, verdict, seconds)]
    passed = e.GreenGatePassed(
        job=step.job,
        run=step.run,
        attempt=step.attempt,
        fixed=len(verdict.fixed),
        kept=verdict.kept,
        seconds=seconds,
    )
    return [passed]


# What the hands share


def repair_of(step: steps.OfRun) -> Repair:
    """What was asked for, by a step that only a repair takes."""
    if isinstance(step.drop, Idea):
        raise TypeError(f"{type(step).__name__} of an idea is no step of a repair")
    return step.drop


def failed(step: steps.OfRun, attempt: int, failure: Failure, message: str) -> Fact:
    """An attempt that came to nothing before its test."""
    return e.AttemptFailed(job=step.job, run=step.run, attempt=attempt, failure=failure, message=message)


def not_passed(step: steps.OfRun, attempt: int, verdict: gates.NotPassed, seconds: float = 0.0) -> Fact:
    """An attempt whose test was not green."""
    return e.AttemptFailed(
        job=step.job,
        run=step.run,
        attempt=attempt,
        failure=verdict.failure,
        message=verdict.message,
        fixed=len(verdict.fixed),
        fixed_tests=verdict.fixed[:FIXED_TESTS_TOLD],
        broken=verdict.broken,
        seconds=seconds,
    )


async def keep(blobs: Blobs, value: Any) -> str:  # noqa: ANN401  whatever msgspec can write
    """A value as a blob."""
    return await run_sync(blobs.put, msgspec.json.encode(value, order="deterministic"))


async def recall(blobs: Blobs, name: str, kind: type[Value]) -> Value:
    """A value that was kept."""
    return msgspec.json.decode(await run_sync(blobs.get, name), type=kind)
