"""A world that acts out the story told in a drop: a peer of the real one, for tests and for watching.

The story stands in the problem (of a repair) or the description (of an idea), as `script: ` and then the runs,
separated by `;`, each a list of acts, separated by `,`. The last run and its last act repeat. Acts:

    fix              the attempt goes green (an idea: scores 100)
    fail             the same failure again; likewise: no_answer, unreadable_answer, edit_did_not_land, syntax,
                     other_failure, regression, timeout
    score 70         an idea that scores 70
    green            the red gate finds the targets green; likewise: broken (environment), flaky
    stall 2.5        before the next act, nothing happens for 2.5 seconds
    fault 3          before the next act, the world is at fault three times
    crash 2          before the next act, the hand raises twice
    die 1            before the next act, the daemon is killed once

This is not a mock: it goes through the same table, the same log and the same folders as the real hands.
"""

import os
import signal
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, get_args

import orjson
from anyio.to_thread import run_sync
from msgspec import Struct

from daemon import events as e
from daemon import steps
from daemon.drops import Idea, Job
from daemon.effects.world import Fault, Hands, World
from daemon.events import Fact, Failure, Refusal
from daemon.text import signature

MARK = "script:"
REFUSALS: dict[str, Refusal] = {"green": "already_green", "broken": "environment", "flaky": "flaky"}
FAILURES: dict[str, Failure] = {"fail": "same_failure", **{name: name for name in get_args(Failure)}}
BEFORE = ("stall", "fault", "crash", "die")
PERFECT = 100


class Act(Struct, frozen=True):
    """One word of a script, and its number."""

    name: str
    number: float = 1.0


class Moment(Struct, frozen=True):
    """What happens at one place of a story, and what happens before it."""

    outcome: Act
    before: list[Act]


def read_script(drop: Job) -> list[list[Moment]]:
    """The moments of each run; a drop without a script is mended at once."""
    return _read(drop.description if isinstance(drop, Idea) else drop.problem)


@lru_cache  # each act of a story reads all of it
def _read(words: str) -> list[list[Moment]]:
    _, mark, script = words.partition(MARK)
    runs = [_read_run(run) for run in script.partition("\n")[0].split(";")] if mark else []
    return [run for run in runs if run] or [[Moment(Act("fix"), [])]]


def _read_run(script: str) -> list[Moment]:
    moments, before = [], []
    for word in filter(None, map(str.strip, script.split(","))):
        name, _, number = word.partition(" ")
        act = Act(name, float(number or 1))
        if name in BEFORE:
            before.append(act)
        else:
            moments.append(Moment(act, before))
            before = []
    return moments


class Stage:
    """Plays the scripts; remembers how often it has already stumbled at a place."""

    def __init__(self) -> None:
        self._stumbled: Counter[tuple[str, int, str]] = Counter()

    def hands(self) -> Hands:
        """The hands of this world, step by step."""
        return {
            steps.PrepareEnvironment: self.prepare_environment,
            steps.PrepareWorkspace: self.prepare_workspace,
            steps.RunRedGate: self.run_red_gate,
            steps.CheckGold: self.check_gold,
            steps.MeasureValues: self.measure_values,
            steps.Advise: self.advise,
            steps.Propose: self.propose,
            steps.ApplyEdits: self.apply_edits,
            steps.RunGreenGate: self.run_green_gate,
            steps.Minimise: self.minimise,
            steps.MeasureProject: self.measure_project,
            steps.Certify: self.certify,
        }

    async def prepare_environment(self, step: steps.PrepareEnvironment, _: World) -> Sequence[Fact]:
        """Nothing is needed."""
        return [e.EnvironmentReady(job=step.job, run=step.run, key="scripted")]

    async def prepare_workspace(self, step: steps.PrepareWorkspace, _: World) -> Sequence[Fact]:
        """There is no tree."""
        return [e.WorkspaceReady(job=step.job, run=step.run, base="scripted")]

    async def run_red_gate(self, step: steps.RunRedGate, world: World) -> Sequence[Fact]:
        """Red, unless the story begins with a refusal."""
        moment = _moment(step, 1)
        if verdict := REFUSALS.get(moment.outcome.name):
            await self._before(moment, step, 0, world)
            cause = f"the script says {moment.outcome.name!r}"
            return [e.RunRefused(job=step.job, run=step.run, verdict=verdict, cause=cause)]
        message = f"AssertionError: {step.drop.title or step.job} is not mended"
        failing = getattr(step.drop, "tests", [])
        name, _ = signature.of(message)
        return [e.RedGateHeld(job=step.job, run=step.run, failing=failing, passing=1, signature=name, message=message)]

    async def check_gold(self, step: steps.CheckGold, _: World) -> Sequence[Fact]:
        """Gold is green in every story."""
        return [e.GoldChecked(job=step.job, run=step.run, passed=True, message="the script has nothing against it")]

    async def measure_values(self, step: steps.MeasureValues, _: World) -> Sequence[Fact]:
        """There is nothing that could be watched."""
        return [e.ValuesMeasured(job=step.job, run=step.run, why="the script has no program")]

    async def advise(self, step: steps.Advise, world: World) -> Sequence[Fact]:
        """Advice that helps nobody."""
        prompt = await run_sync(world.blobs.put, f"what is wrong with {step.job}?".encode())
        answer = await run_sync(world.blobs.put, b"the script says what comes of it")
        return [e.Advised(job=step.job, run=step.run, prompt=prompt, answer=answer, model="script")]

    async def propose(self, step: steps.Propose, world: World) -> Sequence[Fact]:
        """Answer what the script says, after what it says comes before."""
        moment = _moment(step, step.attempt)
        await self._before(moment, step, step.attempt, world)
        if moment.outcome.name == "no_answer":
            return [_failed(step, step.attempt, "no_answer")]
        prompt = await run_sync(world.blobs.put, f"mend {step.job}, attempt {step.attempt}\n{step.hint}".encode())
        answer = await run_sync(world.blobs.put, moment.outcome.name.encode())
        at: dict[str, Any] = {"job": step.job, "run": step.run, "attempt": step.attempt, "proposer": step.proposer}
        return [e.Proposed(**at, prompt=prompt, answer=answer)]

    async def apply_edits(self, step: steps.ApplyEdits, world: World) -> Sequence[Fact]:
        """Land the edits, unless the script says that they cannot."""
        name = _moment(step, step.attempt).outcome.name
        if name in ("unreadable_answer", "edit_did_not_land", "syntax"):
            return [_failed(step, step.attempt, FAILURES[name])]
        diff = await run_sync(world.blobs.put, _diff(step))
        return [e.EditsApplied(job=step.job, run=step.run, attempt=step.attempt, files=["mended.py"], diff=diff)]

    async def run_green_gate(self, step: steps.RunGreenGate, _: World) -> Sequence[Fact]:
        """Green for a fix; otherwise the failure that the script names."""
        name = _moment(step, step.attempt).outcome.name
        if name != "fix":
            return [_failed(step, step.attempt, FAILURES.get(name, "other_failure"))]
        fixed = len(getattr(step.drop, "tests", []))
        return [e.GreenGatePassed(job=step.job, run=step.run, attempt=step.attempt, fixed=fixed, kept=1)]

    async def minimise(self, step: steps.Minimise, _: World) -> Sequence[Fact]:
        """There is nothing that could be left out."""
        return [e.Minimised(job=step.job, run=step.run, attempt=step.attempt)]

    async def measure_project(self, step: steps.MeasureProject, _: World) -> Sequence[Fact]:
        """Perfect for a fix; otherwise the score that the script names, or none."""
        outcome = _moment(step, step.attempt).outcome
        score = PERFECT if outcome.name == "fix" else int(outcome.number) if outcome.name == "score" else 0
        findings = [] if score == PERFECT else [f"the script costs {PERFECT - score} points"]
        return [e.ProjectMeasured(job=step.job, run=step.run, attempt=step.attempt, score=score, findings=findings)]

    async def certify(self, step: steps.Certify, world: World) -> Sequence[Fact]:
        """A certificate that says what it is worth: nothing outside this world."""
        proof = {"job": step.job, "run": step.run, "attempt": step.attempt, "world": "scripted"}
        certificate = await run_sync(world.blobs.put, orjson.dumps(proof, option=orjson.OPT_INDENT_2) + b"\n")
        patch = await run_sync(world.blobs.put, _diff(step))
        name, _ = signature.of(f"AssertionError: {step.drop.title or step.job} is not mended")
        return [
            e.Certified(job=step.job, run=step.run, attempt=step.attempt, certificate=certificate, patch=patch),
            e.FixLearned(job=step.job, fix=f"f-{name}", signature=name, before="broken", after="mended"),
        ]

    async def _before(self, moment: Moment, step: steps.OfRun, attempt: int, world: World) -> None:
        for act in moment.before:
            if act.name == "stall":
                await world.clock.sleep(act.number)
            elif act.name == "die":
                _die(world, step, attempt, int(act.number))
            elif self._stumbles(step, attempt, act):
                if act.name == "fault":
                    raise Fault("scripted", "the script says that the world is at fault")
                raise RuntimeError("the script says that this hand crashes")

    def _stumbles(self, step: steps.OfRun, attempt: int, act: Act) -> bool:
        place = (step.run, attempt, act.name)
        self._stumbled[place] += 1
        return self._stumbled[place] <= act.number


def _die(world: World, step: steps.OfRun, attempt: int, times: int) -> None:
    """Kill this process, unless it has died here often enough: the marks on the disk outlive it."""
    marks = world.scratch / step.job / step.run
    marks.mkdir(parents=True, exist_ok=True)
    died = len(list(marks.glob(f"died-{attempt}-*")))
    if died < times:
        (marks / f"died-{attempt}-{died + 1}").touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _moment(step: steps.OfRun, attempt: int) -> Moment:
    runs = read_script(step.drop)
    moments = runs[min(step.number, len(runs)) - 1]
    return moments[min(attempt, len(moments)) - 1]


def _failed(step: steps.OfRun, attempt: int, failure: Failure) -> Fact:
    message = f"the script says {failure!r}"
    broken = ["tests/test_other.py::test_other"] if failure == "regression" else []
    return e.AttemptFailed(job=step.job, run=step.run, attempt=attempt, failure=failure, message=message, broken=broken)


def _diff(step: steps.OfRun) -> bytes:
    return f"--- a/mended.py\n+++ b/mended.py\n@@ -1 +1 @@\n-broken\n+mended for {step.job}\n".encode()
