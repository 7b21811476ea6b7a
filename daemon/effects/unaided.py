"""The hands that propose without a model: what the search finds becomes an answer like any other.

It is written in the house's own edit format, landed, tested and certified as if a model had said it.
"""

from collections.abc import Mapping, Sequence

from anyio import current_time
from anyio.to_thread import run_sync
from msgspec.structs import replace

from daemon import events as e
from daemon import steps
from daemon.effects.repair import keep, recall, repair_of
from daemon.effects.search import Patch, Report, Request
from daemon.effects.workshop import Workshop
from daemon.effects.world import World
from daemon.events import Fact
from daemon.text import gates, proposal

LONGER_ON_A_RUNG = 4  # times: the first search is to cost little, a rung may look again


async def search_for_a_patch(shop: Workshop, step: steps.Propose, world: World) -> Sequence[Fact]:
    """Let the templates look."""
    begun = current_time()
    drop, settings = repair_of(step), shop.settings
    held = await recall(world.blobs, step.evidence, gates.Held)
    bench = await shop.bench(step.job, drop)
    longer = LONGER_ON_A_RUNG if step.rung.id else 1
    request = Request(
        targets=held.ids,
        seconds=settings.search_s * longer,
        candidates=settings.search_candidates * longer,
        start_at=step.start_at,
    )
    report = await shop.searched(step, drop, bench, request)
    files, _ = await shop.texts(bench.tree)
    answer = await run_sync(_answer, report, files)
    seconds = current_time() - begun
    if not answer:
        coverage = await keep(world.blobs, report.evidence())
        nothing = e.NothingFound(
            job=step.job,
            run=step.run,
            proposer=step.proposer,
            why=report.error,
            tried=report.tried,
            next_at=report.next_at,
            coverage=coverage,
            seconds=seconds,
        )
        return [nothing]
    proposed = e.Proposed(
        job=step.job,
        run=step.run,
        attempt=step.attempt,
        prompt="",
        answer=await run_sync(world.blobs.put, answer.encode()),
        call=await keep(world.blobs, replace(report, tests=[])),
        proposer=step.proposer,
        next_at=report.next_at,
        warnings=_warnings(report),
        seconds=seconds,
    )
    return [proposed]


def _answer(report: Report, files: Mapping[str, str]) -> str:
    """The simplest patch that can be said, as an answer; "" where there is none."""
    for patch in report.plausible:
        before = {path: files[path] for path in patch.changes if path in files}
        others = [f"{each.template} in {', '.join(each.changes)}" for each in report.plausible if each is not patch]
        try:
            return proposal.answer(before, patch.changes, proposal.reason(patch.template, patch.covering_tests, others))
        except proposal.Unsayable:
            continue
    return ""


def _warnings(report: Report) -> list[str]:
    """What a reader of the certificate has to know about a patch that was searched for, not thought of."""
    chosen, *others = report.plausible
    warnings = [f"ambiguous: the tests also allow {_told(other)}" for other in others]
    if not chosen.covering_tests:
        warnings.append("weak: no test that passed before executes the patched lines")
    return warnings


def _told(patch: Patch) -> str:
    return f"a patch by {patch.template} in {', '.join(sorted(patch.changes))}"
