"""The hands that propose without a model: what the search finds becomes an answer like any other.

It is written in the house's own edit format, landed, tested and certified as if a model had said it.
"""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

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
from daemon.text.answer import Texts, as_bytes
from daemon.text.pattern import apply, load
from daemon.text.sameness import tree_digest
from daemon.text.terms import Refused
from daemon.text.witness import table

MOST_OFFERS = 50  # ways in which remembered fixes fit: each costs a part of a test session
SMALLEST = 2  # lines of a change: one goes, another comes
LONGER_ON_A_RUNG = 4  # times: the first search is to cost little, a rung may look again


async def search_for_a_patch(shop: Workshop, step: steps.Propose, world: World) -> Sequence[Fact]:
    """Let the templates look."""
    begun = current_time()
    drop, settings = repair_of(step), shop.settings
    if not settings.search_s:
        return [e.NothingFound(job=step.job, run=step.run, proposer=step.proposer, why="search_s is 0: no search")]
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
    patch, said = await run_sync(chosen, report, files)
    seconds = current_time() - begun
    if patch is None:
        coverage = await keep(world.blobs, report.evidence())
        nothing = e.NothingFound(
            job=step.job,
            run=step.run,
            proposer=step.proposer,
            why=said,
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
        answer=await run_sync(world.blobs.put, said.encode()),
        call=await keep(world.blobs, replace(report, tests=[])),
        proposer=step.proposer,
        next_at=report.next_at,
        warnings=_warnings(patch, report, files),
        seconds=seconds,
    )
    return [proposed]


def chosen(report: Report, files: Mapping[str, str]) -> tuple[Patch | None, str]:
    """The simplest patch that can be said, and the answer that says it; or none, and why."""
    for patch in report.plausible:
        before = {path: files[path] for path in patch.changes if path in files}
        others = [f"{each.template} in {', '.join(each.changes)}" for each in report.plausible if each is not patch]
        try:
            reason = proposal.reason(patch.template, patch.covering_tests, others)
            return patch, proposal.answer(before, patch.changes, reason)
        except proposal.Unsayable:
            continue
    return None, "what it found no edit can say" if report.plausible else report.error or report.ended


def _warnings(patch: Patch, report: Report, files: Mapping[str, str]) -> list[str]:
    others = [other for other in report.plausible if other is not patch]
    alternatives = [proposal.in_short(other.template, files, other.changes) for other in others]
    return proposal.warnings(patch.covering_tests, alternatives)


async def replay_fixes(shop: Workshop, step: steps.Propose, world: World) -> Sequence[Fact]:
    """Try remembered fixes where the failing tests pass through: what fits and holds in the sandbox is proposed."""
    begun, most = current_time(), shop.settings.replay_s
    drop = repair_of(step)
    nothing = e.NothingFound(job=step.job, run=step.run, proposer=step.proposer)
    if not step.replayed or not most:
        return [nothing]
    held = await recall(world.blobs, step.evidence, gates.Held)
    bench = await shop.bench(step.job, drop)
    files, _ = await shop.texts(bench.tree)
    asked = Request(targets=held.ids, mode="trace", seconds=most, around_s=most)
    seen = await shop.searched(step, drop, bench, asked)
    offers = await run_sync(_offers, step.replayed, seen, files)
    report = Report()
    if offers:
        asked = replace(asked, mode="offers", offers=[changes for _, changes in offers])
        report = await shop.searched(step, drop, bench, asked)
    patch, said = await run_sync(chosen, report, files)
    worked = offers[patch.number][0] if patch else ""
    failed = in_vain([fix for fix, _ in offers], report)
    told = [e.FixTried(job=step.job, run=step.run, fix=fix, worked=False, how="replayed") for fix in failed]
    if patch is None:
        seconds = current_time() - begun
        return [*told, replace(nothing, why=said or seen.error, tried=report.tried, seconds=seconds)]
    proposed = e.Proposed(
        job=step.job,
        run=step.run,
        attempt=step.attempt,
        prompt="",
        answer=await run_sync(world.blobs.put, said.encode()),
        proposer=step.proposer,
        fix=worked,
        warnings=_warnings(patch, report, files),
        seconds=current_time() - begun,
    )
    return [*told, proposed]


def in_vain(offers: Sequence[str], report: Report) -> list[str]:
    """The fixes of which nothing that was tried could do; how the chosen one does, its gate says."""
    plausible = {offers[patch.number] for patch in report.plausible}
    return sorted({*offers[: report.tried]} - plausible)


def _offers(
    fixes: Sequence[steps.Remembered], seen: Report, files: Mapping[str, str]
) -> list[tuple[str, dict[str, str]]]:
    """Every way in which the fixes fit where it is suspicious; the likelier fix first."""
    lines: dict[str, list[int]] = {}
    for path, line, _ in seen.suspicious:
        lines.setdefault(path, []).append(line)
    found: list[tuple[str, dict[str, str]]] = []
    for fix in fixes:
        try:
            pattern = load(fix.pattern)
        except Refused:
            continue
        for path, suspicious in lines.items():
            if path in files:
                found += [(fix.fix, {path: text}) for text in apply(pattern, files[path], suspicious)]
    return found[:MOST_OFFERS]


async def measure_values(shop: Workshop, step: steps.MeasureValues, world: World) -> Sequence[Fact]:
    """Watch what variables hold on suspicious lines of the untouched tree, in a failing and in a passing test."""
    begun = current_time()
    drop = repair_of(step)
    held = await recall(world.blobs, step.evidence, gates.Held)
    bench = await shop.bench(step.job, drop)
    files, _ = await shop.texts(bench.tree)
    report = await shop.searched(step, drop, bench, Request(targets=held.ids, mode="values"))
    told = await run_sync(table, report.values, files)
    values = await run_sync(world.blobs.put, told.encode(errors="backslashreplace")) if told else ""
    why = "" if told else report.error or "the failing tests execute no line of the repository's own programs"
    return [e.ValuesMeasured(job=step.job, run=step.run, values=values, why=why, seconds=current_time() - begun)]


async def minimise(shop: Workshop, step: steps.Minimise, world: World) -> Sequence[Fact]:
    """Drop what a green change does not need; what is left has to be green at the real gate, or all of it stays."""
    begun = current_time()
    drop = repair_of(step)
    whole = e.Minimised(job=step.job, run=step.run, attempt=step.attempt)
    texts = await recall(world.blobs, step.changes, Texts)
    bench = await shop.bench(step.job, drop)
    files, _ = await shop.texts(bench.tree)
    before = {path: files.get(path) or "" for path in texts}
    offer = {path: text for path, text in texts.items() if text is not None}
    if len(offer) < len(texts) or not all(path.endswith(".py") for path in texts) or _lines(before, offer) <= SMALLEST:
        return [whole]  # the smallest change, or one that the search cannot try
    held = await recall(world.blobs, step.evidence, gates.Held)
    report = await shop.searched(step, drop, bench, Request(targets=held.ids, mode="offers", offers=[offer]))
    smaller = report.plausible[0].changes if report.plausible else offer
    dropped = _lines(before, offer) - _lines(before, smaller)
    try:
        answer = proposal.answer(before, smaller, "what the tests need of the change") if dropped > 0 else ""
    except proposal.Unsayable:
        answer = ""
    if not answer:
        return [replace(whole, seconds=current_time() - begun)]
    outcomes = await shop.tested(step.job, step.run, drop, bench, as_bytes(dict(smaller)))
    if isinstance(gates.green(held, outcomes), gates.NotPassed):
        return [replace(whole, seconds=current_time() - begun)]
    changed = await run_sync(bench.tree.changed, as_bytes(dict(smaller)))
    minimised = e.Minimised(
        job=step.job,
        run=step.run,
        attempt=step.attempt,
        dropped=dropped,
        answer=await run_sync(world.blobs.put, answer.encode()),
        files=sorted(smaller),
        diff=await run_sync(world.blobs.put, changed.patch),
        changes=await keep(world.blobs, smaller),
        tree=changed.tree,
        meaning=tree_digest(smaller),
        seconds=current_time() - begun,
    )
    return [minimised]


def _lines(before: Mapping[str, str], after: Mapping[str, str]) -> int:
    """How many lines a change adds or takes away."""
    ends = [(before[path].splitlines(), text.splitlines()) for path, text in after.items()]
    blocks = [SequenceMatcher(None, *texts, autojunk=False).get_matching_blocks() for texts in ends]
    same = sum(block.size for found in blocks for block in found)
    return sum(len(old) + len(new) for old, new in ends) - 2 * same
