"""The hand that asks a model: evidence, files and words become a prompt, and its answer becomes a fact.

Everything that decides the answer (prompt, options, seed) comes from the job and its attempts, never from the clock or
from dice: so the same drop asks the same, and a recorded answer is found again.
"""

from collections.abc import Sequence

from anyio import current_time
from anyio.to_thread import run_sync
from msgspec import Struct
from msgspec.structs import replace

from daemon import events as e
from daemon import steps
from daemon.blobs import Blobs
from daemon.drops import Repair
from daemon.effects.models import Answer, Request
from daemon.effects.repair import failed, keep, recall, repair_of
from daemon.effects.workshop import Workshop
from daemon.effects.world import Fault, World
from daemon.events import Fact
from daemon.text import gates
from daemon.text.context import Evidence, test_files
from daemon.text.focus import select
from daemon.text.outcomes import Outcome
from daemon.text.prompt import Asked, Failing, Prompt, Tried, asked_by, prompt

SMALLER_CONTEXTS = 3  # how often the files are halved for a model that cannot be shown them all
SEEDS_PER_RUN = 1000


class Call(Struct, frozen=True):
    """One question and its answer, without their texts: who was asked how, what stood in the prompt, what it took."""

    request: Request
    answer: Answer
    manifest: dict[str, object]


async def propose(shop: Workshop, step: steps.Propose, world: World) -> Sequence[Fact]:
    """Ask whoever is to be asked."""
    if step.proposer == "model":
        return await ask_a_model(shop, step, world)
    return [e.NothingFound(job=step.job, run=step.run, proposer=step.proposer)]


async def ask_a_model(shop: Workshop, step: steps.Propose, world: World) -> Sequence[Fact]:
    """Ask the run's model for edits."""
    begun = current_time()
    drop = repair_of(step)
    held = await recall(world.blobs, step.evidence, gates.Held)
    known = Asked(
        problem=drop.problem,
        hint="\n\n".join(filter(None, (drop.hint, step.hint))),
        failing=[_failing(test, outcome) for test, outcome in held.failed.items()],
        history=[await run_sync(_tried, world.blobs, attempt) for attempt in step.earlier],
        earlier=[await run_sync(_tried, world.blobs, attempt) for attempt in step.before if attempt.failure],
    )
    asked = asked_by(step.rung, known)
    request, made, answer = await _answered(shop, step, drop, held, asked)
    call = Call(replace(request, system="", prompt=""), replace(answer, text=""), made.manifest)
    proposed = e.Proposed(
        job=step.job,
        run=step.run,
        attempt=step.attempt,
        prompt=await run_sync(world.blobs.put, f"{made.system}\n\n{made.user}".encode()),
        answer=await run_sync(world.blobs.put, answer.text.encode(errors="replace")),
        call=await keep(world.blobs, call),
        model=answer.model,
        model_digest=answer.digest,
        seed=request.seed,
        done_reason=answer.done_reason,
        cost_usd=answer.cost_usd,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        seconds=current_time() - begun,
    )
    if answer.text.strip():
        return [proposed]
    why = f"the model said nothing and stopped: {answer.done_reason}"
    return [proposed, failed(step, step.attempt, "no_answer", why)]


async def _answered(
    shop: Workshop, step: steps.Propose, drop: Repair, held: gates.Held, asked: Asked
) -> tuple[Request, Prompt, Answer]:
    """Ask; where a window turns out too small for what the estimate let in, show less."""
    settings = shop.settings
    words, sampling = await shop.words(), step.rung.sampling
    repeats = bool(step.earlier) and step.earlier[-1].failure == "same_answer"
    files, index = await shop.texts(await shop.tree(step.job, drop))
    evidence = Evidence(
        problem=drop.problem,
        hint=asked.hint,
        failing=list(held.failed),
        tests=test_files([*drop.tests, *held.failed], files),
        messages=[failing.message for failing in asked.failing],
        tracebacks=[failing.frames for failing in asked.failing],
        changed=list(dict.fromkeys(path for attempt in (*step.before, *step.earlier) for path in attempt.files)),
    )
    room = max(settings.model_windows) - settings.answer_tokens - prompt(words, asked).tokens
    budget = min(settings.context_tokens, room)
    for smaller in range(SMALLER_CONTEXTS + 1):
        selection = await run_sync(select, step.rung, evidence, files, index, max(0, budget >> smaller))
        made = await run_sync(prompt, words, replace(asked, selection=selection))
        request = Request(
            model=step.model,
            system=made.system,
            prompt=made.user,
            num_ctx=0,
            num_predict=settings.answer_tokens,
            temperature=sampling.again if repeats else sampling.temperature,
            seed=step.number * SEEDS_PER_RUN + step.attempt,
            think=settings.model_thinks,
            instance=drop.instance_id or drop.title or step.job,
            attempt=step.attempt,
        ).fitted(settings.model_windows)
        try:
            return request, made, await shop.models.ask(request)
        except Fault as fault:
            if fault.fault != "context_truncated" or smaller == SMALLER_CONTEXTS:
                raise
    raise AssertionError("the last round returns or raises")


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
