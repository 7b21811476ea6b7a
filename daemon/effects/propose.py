"""The hand that asks a model: evidence, files and words become a prompt, and its answer becomes a fact.

Everything that decides the answer (prompt, options, seed) comes from the job and its attempts, never from the clock or
from dice: so the same drop asks the same, and a recorded answer is found again.
"""

from collections.abc import Sequence
from typing import assert_never

from anyio import current_time
from anyio.to_thread import run_sync
from msgspec import Struct
from msgspec.structs import asdict, replace

from daemon import events as e
from daemon import steps
from daemon.blobs import Blobs
from daemon.effects import unaided
from daemon.effects.models import Answer, Request
from daemon.effects.repair import failed, keep, recall, repair_of
from daemon.effects.workshop import Workshop
from daemon.effects.world import Fault, World
from daemon.events import Fact
from daemon.settings import Settings
from daemon.text import gates
from daemon.text.context import Evidence, test_files
from daemon.text.diagnostics import diagnostics
from daemon.text.focus import select
from daemon.text.outcomes import Frame, Outcome
from daemon.text.prompt import Asked, Failing, Learned, Prompt, Tried, asked_by, diagnosis_prompt, prompt
from daemon.text.siblings import siblings

SMALLER_CONTEXTS = 3  # how often the files are halved for a model that cannot be shown them all
SEEDS_PER_RUN = 1000

Coverage = dict[str, list[dict[str, list[int]]]]  # fields of Evidence: what failing and passing tests execute


class Call(Struct, frozen=True):
    """One question and its answer, without their texts: who was asked how, what stood in the prompt, what it took."""

    request: Request
    answer: Answer
    manifest: dict[str, object]


class Said(Struct, frozen=True, kw_only=True):
    """What a fact tells of a model's answer, under the same names."""

    prompt: str
    answer: str
    call: str
    model: str
    model_digest: str
    seed: int | None
    done_reason: str
    cost_usd: float
    tokens_in: int
    tokens_out: int


async def propose(shop: Workshop, step: steps.Propose, world: World) -> Sequence[Fact]:
    """Ask whoever is to be asked."""
    match step.proposer:
        case "model":
            return await ask_a_model(shop, step, world)
        case "templates":
            return await unaided.search_for_a_patch(shop, step, world)
        case "learned":
            return await unaided.replay_fixes(shop, step, world)
        case unreachable:
            assert_never(unreachable)


async def ask_a_model(shop: Workshop, step: steps.Propose, world: World) -> Sequence[Fact]:
    """Ask the run's model for edits."""
    begun = current_time()
    request, made, answer = await _answered(shop, step, world.blobs)
    said = await recorded(world.blobs, request, made, answer)
    proposed = e.Proposed(
        job=step.job, run=step.run, attempt=step.attempt, seconds=current_time() - begun, **asdict(said)
    )
    if answer.text.strip():
        return [proposed]
    why = f"the model said nothing and stopped: {answer.done_reason}"
    return [proposed, failed(step, step.attempt, "no_answer", why)]


async def advise(shop: Workshop, step: steps.Advise, world: World) -> Sequence[Fact]:
    """Ask an advisor where the mistake is. What it says is shown and never landed, so no answer is one, too."""
    begun = current_time()
    request, made, answer = await _answered(shop, step, world.blobs)
    said = await recorded(world.blobs, request, made, answer)
    return [e.Advised(job=step.job, run=step.run, seconds=current_time() - begun, **asdict(said))]


async def recorded(blobs: Blobs, request: Request, made: Prompt, answer: Answer) -> Said:
    """A question and its answer as a fact tells them, their texts as blobs."""
    call = Call(replace(request, system="", prompt=""), replace(answer, text=""), made.manifest)
    return Said(
        prompt=await run_sync(blobs.put, f"{made.system}\n\n{made.user}".encode()),
        answer=await run_sync(blobs.put, answer.text.encode(errors="replace")),
        call=await keep(blobs, call),
        model=answer.model,
        model_digest=answer.digest,
        seed=request.seed,
        done_reason=answer.done_reason,
        cost_usd=answer.cost_usd,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
    )


async def _answered(shop: Workshop, step: steps.Propose, blobs: Blobs) -> tuple[Request, Prompt, Answer]:
    """Ask; where a window turns out too small for what the estimate let in, show less."""
    smaller = 0
    while True:
        request, made = await question(shop, step, blobs, smaller)
        try:
            return request, made, await shop.models.ask(request)
        except Fault as fault:
            if fault.fault != "context_truncated" or smaller == SMALLER_CONTEXTS:
                raise
            smaller += 1


async def question(shop: Workshop, step: steps.Propose, blobs: Blobs, smaller: int = 0) -> tuple[Request, Prompt]:
    """What this step asks. `smaller` halves, so often, what is shown of the tree."""
    settings, drop = shop.settings, repair_of(step)
    held = await recall(blobs, step.evidence, gates.Held)
    words = await shop.words()
    files, index = await shop.texts(await shop.tree(step.job, drop))
    failing = [_failing(test, outcome) for test, outcome in held.failed.items()]
    hint = "\n\n".join(filter(None, (drop.hint, step.hint)))
    own = own_of(step)
    evidence = Evidence(
        problem=drop.problem,
        hint=hint,
        failing=list(held.failed),
        tests=test_files([*drop.tests, *held.failed], files),
        messages=[each.message for each in failing],
        tracebacks=[each.frames for each in failing],
        changed=list(dict.fromkeys(path for attempt in (*step.before, *own) for path in attempt.files)),
    )
    if step.coverage:
        evidence = replace(evidence, **await recall(blobs, step.coverage, Coverage))
    known = Asked(
        problem=drop.problem,
        hint=hint,
        failing=failing,
        history=[await run_sync(_tried, blobs, attempt) for attempt in own],
        earlier=[await run_sync(_tried, blobs, attempt) for attempt in step.before if attempt.failure],
        learned=[Learned(fix.before, fix.after, fix.tried, fix.worked) for fix in step.shown],
        diagnosis=await run_sync(_text, blobs, step.diagnosis),
        values=await run_sync(_text, blobs, step.values),
    )
    asked = asked_by(step.rung, known)
    worded = diagnosis_prompt if isinstance(step, steps.Advise) else prompt
    room = max(settings.model_windows) - settings.answer_tokens - worded(words, asked).tokens
    budget = max(0, min(settings.context_tokens, room) >> smaller)
    selection = await run_sync(select, step.rung, evidence, files, index, budget)
    if step.rung.aid == "siblings":
        relevant = [one.path for one in selection.files]
        asked = replace(asked, siblings=await run_sync(siblings, _innermost(failing), files, relevant))
    if step.rung.aid == "diagnostics":
        found = await run_sync(diagnostics, files, [one.path for one in selection.files])
        asked = replace(asked, diagnostics=found)
    if step.rung.aid == "commits":
        asked = replace(asked, commits=await shop.history(drop, [one.path for one in selection.files]))
    made = await run_sync(worded, words, replace(asked, selection=selection))
    return request_of(step, made, settings, drop.instance_id or drop.title or step.job), made


def request_of(step: steps.Propose, made: Prompt, settings: Settings, instance: str, answers: int = 1) -> Request:
    """The prompt as it is sent, with room for so many answers of the usual length."""
    sampling = step.rung.sampling
    own = own_of(step)
    repeats = bool(own) and own[-1].failure == "same_answer"
    request = Request(
        model=step.model,
        system=made.system,
        prompt=made.user,
        num_ctx=0,
        num_predict=settings.answer_tokens * answers,
        temperature=sampling.again if repeats else sampling.temperature,
        seed=step.number * SEEDS_PER_RUN + step.attempt,
        think=settings.model_thinks,
        instance=instance,
        attempt=step.attempt,
    )
    return request.fitted(settings.model_windows)


def own_of(step: steps.Propose) -> list[steps.Attempt]:
    """The run's earlier attempts, as far as its next one may know: samples are drawn as if all at once."""
    return step.earlier if step.rung.sampling.samples == 1 else []


def _innermost(failing: Sequence[Failing]) -> list[Frame]:
    return next((each.frames for each in failing if each.frames), [])


def _failing(test: str, outcome: Outcome) -> Failing:
    frames = outcome.cause.frames if outcome.cause else []
    return Failing(test=test, message=outcome.message, detail=outcome.detail, frames=frames)


def _tried(blobs: Blobs, attempt: steps.Attempt) -> Tried:
    """An attempt as the next prompt tells it."""
    return Tried(
        attempt=attempt.number,
        failure=attempt.failure or "other_failure",
        message=attempt.message,
        diff=_text(blobs, attempt.diff),
        answer=_text(blobs, attempt.answer),
        fixed=attempt.fixed_tests,
        broken=attempt.broken,
    )


def _text(blobs: Blobs, name: str) -> str:
    return blobs.get(name).decode(errors="replace") if name else ""
