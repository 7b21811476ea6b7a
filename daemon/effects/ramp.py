"""The hands of a ramp: its decisions written down, its instances made jobs, and gold patches judged.

Only here the gold patch is read, and only to send it through the green gate. What must never enter: anything that puts
it, or what it did, where a proposer looks.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from anyio import current_time
from anyio.to_thread import run_sync

from daemon import events as e
from daemon import steps
from daemon.blobs import BlobBroken, Blobs
from daemon.drops import Repair
from daemon.effects.environment import EnvironmentRefused
from daemon.effects.git import GitRefused
from daemon.effects.repair import recall, repair_of
from daemon.effects.trees import SourceRefused
from daemon.effects.workshop import Workshop
from daemon.effects.workspace import Escape
from daemon.effects.world import Hands, World
from daemon.events import Fact
from daemon.text import gates


def repairs_in(blobs: Blobs, name: str) -> dict[str, Repair]:
    """A ramp's instances, with everything that is known of them."""
    return msgspec.json.decode(blobs.get(name), type=dict[str, Repair])


async def open_phase(step: steps.OpenPhase, _: World) -> Sequence[Fact]:
    """Begin a phase."""
    return [e.PhaseOpened(ramp=step.job, phase=step.phase, size=step.size)]


async def open_instances(step: steps.OpenInstances, world: World) -> Sequence[Fact]:
    """Make jobs of instances. It awaits nothing, so that nobody else takes the numbers that it was given."""
    try:
        repairs = repairs_in(world.blobs, step.blob)
    except BlobBroken as lost:
        reason = f"its instances are lost: {lost}; restore state/blobs from a backup"
        return [e.RampSettled(ramp=step.job, outcome="stopped", reason=reason)]
    return [_opened(step, opening, repairs[opening.instance]) for opening in step.openings]


def _opened(step: steps.OpenInstances, opening: steps.Opening, drop: Repair) -> Fact:
    project = drop.project or drop.repo.rstrip("/").rpartition("/")[2] or drop.repo
    gold = step.blob if step.gold_check and drop.gold_patch else ""
    fields: dict[str, Any] = {
        "source": step.job,
        "entry": opening.place,
        "job": opening.job,
        "kind": "repair",
        "project": project,
        "title": drop.title or opening.instance,
        "drop": drop,
        "priority": drop.priority,
        "ramp": step.job,
        "instance": opening.instance,
        "phase": step.phase,
        "gold": gold,
    }
    return e.JobReopened(**fields, runs_before=opening.runs_before) if opening.is_again else e.JobAccepted(**fields)


async def release_phase(step: steps.ReleasePhase, _: World) -> Sequence[Fact]:
    """Freeze the denominator."""
    released = e.PhaseReleased(
        ramp=step.job,
        phase=step.phase,
        viable=step.viable,
        excluded=step.excluded,
        jobs=step.jobs,
        runs=step.runs,
    )
    return [released]


async def settle_phase(step: steps.SettlePhase, _: World) -> Sequence[Fact]:
    """Write down what was solved."""
    return [e.PhaseSettled(ramp=step.job, phase=step.phase, solved=step.solved, viable=step.viable, reason=step.reason)]


async def cancel_instances(step: steps.CancelInstances, _: World) -> Sequence[Fact]:
    """Give jobs up, as a person would."""
    return [e.CancelAsked(source=step.job, entry=place, job=job) for place, job in enumerate(step.jobs)]


async def settle_ramp(step: steps.SettleRamp, _: World) -> Sequence[Fact]:
    """Close the ramp."""
    return [step.settled]


async def check_gold(shop: Workshop, step: steps.CheckGold, world: World) -> Sequence[Fact]:
    """Send the gold patch through the green gate. What keeps it from there is told of the patch, and is no crash."""
    begun = current_time()
    try:
        verdict = await _gold(shop, step, world)
    except (GitRefused, Escape, BlobBroken, SourceRefused, EnvironmentRefused) as refused:
        verdict = gates.NotPassed("edit_did_not_land", f"it cannot be tested: {refused}")
    passed = isinstance(verdict, gates.Passed)
    message = f"{len(verdict.fixed)} fixed" if isinstance(verdict, gates.Passed) else verdict.message
    seconds = current_time() - begun
    return [e.GoldChecked(job=step.job, run=step.run, passed=passed, message=message, seconds=seconds)]


async def _gold(shop: Workshop, step: steps.CheckGold, world: World) -> gates.Passed | gates.NotPassed:
    drop = repair_of(step)
    held = await recall(world.blobs, step.evidence, gates.Held)
    gold = (await run_sync(repairs_in, world.blobs, step.gold))[step.instance].gold_patch
    bench = await shop.bench(step.job, drop)
    changed = await run_sync(bench.tree.patched, gold.encode())
    return gates.green(held, await shop.tested(step.job, step.run, drop, bench, changed.changes))


HANDS: Hands = {
    steps.OpenPhase: open_phase,
    steps.OpenInstances: open_instances,
    steps.ReleasePhase: release_phase,
    steps.SettlePhase: settle_phase,
    steps.CancelInstances: cancel_instances,
    steps.SettleRamp: settle_ramp,
}
