"""The hands of an idea: a name, a plan, files, what they are worth, the finished project. Each says facts only.

They follow the rules of a repair's hands: any of them may be the first of a new life and may be done twice. A project
as it stands is one blob with the text of every file, the acceptance tests included, so that a change is made of what
was recorded and of nothing else. What must never enter: how many points are enough.
"""

from collections.abc import Mapping, Sequence

from anyio import current_time
from anyio.to_thread import run_sync
from msgspec.structs import asdict

from daemon import events as e
from daemon import steps
from daemon.blobs import Blobs
from daemon.drops import Idea, Repair
from daemon.effects.models import Answer, Request
from daemon.effects.propose import recorded, request_of
from daemon.effects.repair import failed, keep, recall
from daemon.effects.trees import Tree
from daemon.effects.workshop import Workshop
from daemon.effects.world import Fault, World
from daemon.events import Fact
from daemon.text import plan as plans
from daemon.text import proposed
from daemon.text.answer import as_bytes
from daemon.text.dialects import Unreadable
from daemon.text.edits import read
from daemon.text.idea_prompt import Asked, files_prompt, plan_prompt
from daemon.text.impossible import impossible
from daemon.text.landing import Refused
from daemon.text.plan import Plan
from daemon.text.project import Project
from daemon.text.prompt import Prompt
from daemon.text.score import score

FILES_IN_ANSWERS = 3  # answers of the usual length: a small project has many lines, and all of them are new
NO_MODEL = "run `ollama serve`: an idea cannot be written without a model, and goes on by itself"

Files = dict[str, str]


async def prepare_workspace(shop: Workshop, step: steps.PrepareWorkspace, _: World) -> Sequence[Fact]:
    """Take a name, and begin with nothing."""
    begun = current_time()
    idea = idea_of(step)
    if reasons := await run_sync(impossible, idea):
        return [e.RunRefused(job=step.job, run=step.run, verdict="environment", cause="; ".join(reasons))]
    tree = await shop.nothing()
    await shop.name(step.job, idea)
    seconds = current_time() - begun
    return [e.WorkspaceReady(job=step.job, run=step.run, base=tree.key, kind="empty", seconds=seconds)]


async def propose(shop: Workshop, step: steps.Propose, world: World) -> Sequence[Fact]:
    """Ask the model for a plan, and where there is one, for files or for what mends them."""
    return await (_files if step.evidence else _plan)(shop, step, world)


async def _plan(shop: Workshop, step: steps.Propose, world: World) -> Sequence[Fact]:
    begun = current_time()
    idea = idea_of(step)
    made = await run_sync(plan_prompt, await shop.words(), await _asked(shop, step, world.blobs))
    request = request_of(step, made, shop.settings, f"{idea.title} (plan)")
    answer = await _answer(shop, request)
    trouble = ""
    try:
        planned(idea, answer.text, is_cut_off=answer.cut_off)
    except Unreadable as unreadable:
        trouble = str(unreadable)
    said = await recorded(world.blobs, request, made, answer)
    seconds = current_time() - begun
    fact = e.Planned(job=step.job, run=step.run, attempt=step.attempt, trouble=trouble, seconds=seconds, **asdict(said))
    return [fact, failed(step, step.attempt, "unreadable_answer", trouble)] if trouble else [fact]


async def _files(shop: Workshop, step: steps.Propose, world: World) -> Sequence[Fact]:
    begun = current_time()
    request, made = await question(shop, step, world.blobs)
    answer = await _answer(shop, request)
    said = await recorded(world.blobs, request, made, answer)
    seconds = current_time() - begun
    return [e.Proposed(job=step.job, run=step.run, attempt=step.attempt, seconds=seconds, **asdict(said))]


async def question(shop: Workshop, step: steps.Propose, blobs: Blobs) -> tuple[Request, Prompt]:
    """What this step asks once there is a plan."""
    made = await run_sync(files_prompt, await shop.words(), await _asked(shop, step, blobs))
    return request_of(step, made, shop.settings, idea_of(step).title, FILES_IN_ANSWERS), made


async def _asked(shop: Workshop, step: steps.Propose, blobs: Blobs) -> Asked:
    """All that is known: the idea, its plan, the files as they stand, and what was wrong before."""
    idea = idea_of(step)
    stands = await standing(blobs, idea, next((one.changes for one in reversed(step.earlier) if one.changes), ""))
    last = step.earlier[-1] if step.earlier else None
    return Asked(
        idea=idea,
        name=await shop.name(step.job, idea),
        plan=await plan_of(blobs, idea, step.evidence) if step.evidence else None,
        files=without(stands, idea.acceptance_tests),
        findings=next((one.findings for one in reversed(step.earlier) if one.findings), []),
        refusals=[last.message] if last and last.failure != "low_score" else [],
        before=next((one.findings for one in reversed(step.before) if one.findings), []),
        hint=step.hint,
        level=step.rung.level,
        rung=step.rung.id,
    )


async def _answer(shop: Workshop, request: Request) -> Answer:
    try:
        return await shop.models.ask(request)
    except Fault as fault:
        if fault.fault != "models_down":
            raise
        raise Fault(fault.fault, f"{NO_MODEL} ({fault.message})") from None


async def apply_edits(shop: Workshop, step: steps.ApplyEdits, world: World) -> Sequence[Fact]:
    """Make of the project as it stands what the answer says, all or nothing."""
    idea = idea_of(step)
    before = await standing(world.blobs, idea, step.changes)
    plan = await plan_of(world.blobs, idea, step.evidence)
    answer = (await run_sync(world.blobs.get, step.answer)).decode()
    try:
        files = await run_sync(lambda: landed(idea, plan, before, answer, is_cut_off=step.is_cut_off))
    except Unreadable as unreadable:
        return [failed(step, step.attempt, "unreadable_answer", str(unreadable))]
    except Refused as refused:
        is_syntax = all(refusal.why == "syntax" for refusal in refused.refusals)
        return [failed(step, step.attempt, "syntax" if is_syntax else "edit_did_not_land", str(refused))]
    changed = await run_sync((await shop.nothing()).changed, as_bytes({**files}))
    applied = e.EditsApplied(
        job=step.job,
        run=step.run,
        attempt=step.attempt,
        files=sorted(path for path in {*before, *files} if before.get(path) != files.get(path)),
        diff=await run_sync(world.blobs.put, changed.patch),
        changes=await keep(world.blobs, files),
        tree=changed.tree,
        meaning=changed.tree,
    )
    return [applied]


async def measure_project(shop: Workshop, step: steps.MeasureProject, world: World) -> Sequence[Fact]:
    """Measure the project in the sandbox, and say its points."""
    begun = current_time()
    idea = idea_of(step)
    files = await standing(world.blobs, idea, step.changes)
    plan = await plan_of(world.blobs, idea, step.evidence)
    seen = (await shop.measured(step.run, project_of(step.job, idea, plan, files))).measured
    scored = score(seen)
    measured = e.ProjectMeasured(
        job=step.job,
        run=step.run,
        attempt=step.attempt,
        score=scored.points,
        findings=[str(finding) for finding in scored.findings],
        measured=await keep(world.blobs, seen),
        lint_by=seen.lint_by,
        types_by=seen.types_by,
        seconds=current_time() - begun,
    )
    return [measured]


# What certifying and verifying do again


class Writing:
    """A project as its recorded answers make it, one after the other."""

    def __init__(self, idea: Idea, plan: Plan, nothing: Tree) -> None:
        self.files: Files = dict(idea.acceptance_tests)
        self._idea, self._plan, self._nothing = idea, plan, nothing

    def take(self, answer: str, *, is_cut_off: bool) -> str:
        """The tree after this answer, "" where nothing lands. Blocks."""
        try:
            files = landed(self._idea, self._plan, self.files, answer, is_cut_off=is_cut_off)
        except (Unreadable, Refused):
            return ""
        self.files = files
        return self._nothing.changed(as_bytes({**files})).tree


def landed(idea: Idea, plan: Plan, files: Mapping[str, str], answer: str, *, is_cut_off: bool) -> Files:
    """All files of the project after this answer; `Unreadable` or `Refused` where it makes nothing of them."""
    wanted = [*plan.dependencies, *idea.dependencies]
    edits = read(answer, is_cut_off=is_cut_off)
    changes = proposed.propose(edits, files, acceptance_tests=idea.acceptance_tests, planned=wanted)
    return {path: text for path, text in {**files, **changes}.items() if text is not None}


def planned(idea: Idea, answer: str, *, is_cut_off: bool = False) -> Plan:
    """The plan in an answer; what the idea says goes before it."""
    return plans.read(answer, entry_point=idea.entry_point, trusted=idea.dependencies, is_cut_off=is_cut_off)


def project_of(job: str, idea: Idea, plan: Plan, files: Mapping[str, str]) -> Project:
    """The project as it is measured."""
    return Project(
        job=job,
        files=without(files, idea.acceptance_tests),
        entry_point=plan.run,
        acceptance_tests=idea.acceptance_tests,
        planned=[*plan.dependencies, *idea.dependencies],
    )


async def plan_of(blobs: Blobs, idea: Idea, name: str) -> Plan:
    """The plan that was kept, as an answer that could be followed."""
    return planned(idea, (await run_sync(blobs.get, name)).decode())


async def standing(blobs: Blobs, idea: Idea, changes: str) -> Files:
    """The project as it stands; before the first answer, what came with the idea."""
    return await recall(blobs, changes, Files) if changes else dict(idea.acceptance_tests)


def without(files: Mapping[str, str], others: Mapping[str, str]) -> Files:
    """The files that are none of those."""
    return {path: text for path, text in files.items() if path not in others}


def idea_of(step: steps.OfRun) -> Idea:
    """What was asked for, by a step that only an idea takes."""
    if isinstance(step.drop, Repair):
        raise TypeError(f"{type(step).__name__} of a repair is no step of an idea")
    return step.drop
