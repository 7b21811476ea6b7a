"""A thousand jobs with failures drawn from stated distributions: what order, ladder and memory are worth, if so.

Nothing is repaired here, and nothing is claimed of any model: it is `policy/order.py`, `policy/recall.py` and their
views, fed with facts of a made-up world, which is all in the rows that begin with *assumed*. A job has a class
(Zipf) and a difficulty (heavy-tailed: a logit with that deviation), and every rung a chance with it: by its level, by
its affinity to the class, and by luck that stays with job and rung, so that asking the same way again does not make
independent draws of it. A run is one model call, but for `C1`, which asks none. A job ends with the first certificate
or when twenty runs failed; a job without certificate counts all of its calls. Intervals are 95 %, over the seeds.

*mendd*: the learned order, and in the last rows its memory, too. *peer*: the same jobs, with the same luck, otherwise.
"""

from collections.abc import Callable, Sequence
from math import exp, sqrt
from pathlib import Path
from random import Random
from statistics import mean, stdev

from msgspec import Struct, structs

from daemon import events as e
from daemon.policy.dice import seed_of
from daemon.policy.ladder import LADDER
from daemon.policy.order import order
from daemon.policy.recall import CANDIDATES, is_held_out, recall
from daemon.text.similar import Index
from daemon.views import FOLDS, Views
from tests.benchmarks.measure import Row, tell

TITLE = "A simulated thousand jobs"
MEASURED = "Simulated once."
JOBS = 1_000
SEEDS = 60
CLASSES = 8
DIFFICULTY = 1.7  # deviation of the logit: real success rates are that heterogeneous
LUCK = 0.8  # deviation that stays with job and rung
BASE = -2.2
LEVEL = {"C": 0.0, "M": 0.2, "A": 0.3, "N": 0.6}
SECONDS = {"C": 20.0, "M": 40.0, "A": 40.0, "N": 60.0}
AFFINITY = {"no": 0.0, "some": 0.8, "strong": 1.6}
POISONED = 0.1
PATTERNS = 150  # kinds of fixes, Zipf
FITS = 0.7  # that a remembered fix of the right kind mends when it is replayed
HELD_OUT = 0.1
RUNGS = [rung.id for rung in LADDER]
Order = Callable[[Views, str, int, Random], Sequence[str]]


class Job(Struct, frozen=True):
    """A failure, and which rungs would mend it."""

    name: str
    kind: int
    pattern: int
    mends: frozenset[str]
    again: list[bool]  # whether the first rung with a model would, asked again and again
    fits: bool


class Ended(Struct, frozen=True):
    """What the jobs of one seed took."""

    calls: float
    first: float
    within_five: float
    solved: float
    seconds: float


def run(folder: Path, _: int) -> list[Row]:
    """All comparisons."""
    del folder  # nothing is written
    rows = list(_assumptions())
    for word, strength in AFFINITY.items():
        tell(f"{TITLE}: {word} affinity")
        worlds = [world(seed, strength) for seed in range(SEEDS)]
        ours = [simulated(jobs, learned, seed) for seed, jobs in enumerate(worlds)]
        for name, peer in (("fixed order", fixed), ("shuffled", shuffled)):
            theirs = [simulated(jobs, peer, seed) for seed, jobs in enumerate(worlds)]
            rows += _compared(f"{word} affinity, {name}", ours, theirs)
        rows += _compared(f"{word} affinity, no ladder", ours, [without_ladder(jobs) for jobs in worlds])
    worlds = [world(seed, AFFINITY["some"]) for seed in range(SEEDS)]
    plain = [simulated(jobs, learned, seed) for seed, jobs in enumerate(worlds)]
    poisoned = [simulated(jobs, learned, seed, poisoned=POISONED) for seed, jobs in enumerate(worlds)]
    rows += _compared(f"some affinity, {POISONED:.0%} of outcomes told wrongly", poisoned, plain)
    tell(f"{TITLE}: memory")
    remembering = [simulated(jobs, learned, seed, remembers=True) for seed, jobs in enumerate(worlds)]
    return [*rows, *_compared("some affinity, no memory", remembering, plain)]


def _assumptions() -> Sequence[Row]:
    said = {
        "jobs, seeds": f"{JOBS:,} jobs, {SEEDS} seeds",
        "classes": f"{CLASSES}, Zipf",
        "difficulty, luck": f"logit-normal, deviations {DIFFICULTY} and {LUCK}",
        "chance of a middling job on the first rung": f"{1 / (1 + exp(-BASE)):.2f}",
        "levels add to the logit": ", ".join(f"{level} {more}" for level, more in LEVEL.items()),
        "seconds of a run": ", ".join(f"{level} {seconds:.0f}" for level, seconds in SECONDS.items()),
        "affinity of class and rung": ", ".join(f"{word}: deviation {strength}" for word, strength in AFFINITY.items()),
        "memory": f"{PATTERNS} kinds of fixes, Zipf; the right one mends in {FITS:.0%}; {HELD_OUT:.0%} held out",
    }
    return [Row(f"assumed: {what}", words, "the same") for what, words in said.items()]


def _compared(what: str, ours: list[Ended], theirs: list[Ended]) -> list[Row]:
    def row(field: str, words: str, form: str) -> Row:
        mine, other = ([getattr(ended, field) for ended in side] for side in (ours, theirs))
        apart = [b - a for a, b in zip(mine, other, strict=True)]
        told = f"{words} ({_interval(apart, '+' + form)} for the peer)"
        return Row(f"{what}: {told}", _interval(mine, form), _interval(other, form))

    return [
        row("calls", "model calls a job", ".2f"),
        row("within_five", "solved with five calls or fewer", ".3f"),
        row("solved", "solved in the end", ".3f"),
    ]


def _interval(figures: list[float], form: str) -> str:
    half = 1.96 * stdev(figures) / sqrt(len(figures))
    return f"{mean(figures):{form}} ± {half:{form.lstrip('+')}}"


# The world


def world(seed: int, strength: float) -> list[Job]:
    """The jobs of a seed; how they are tried changes none of them."""
    dice = Random(seed)  # noqa: S311  nothing secret
    affinity = {(kind, rung): dice.gauss(0, strength) for kind in range(CLASSES) for rung in RUNGS}
    quality = {rung: dice.gauss(0, 0.4) for rung in RUNGS}
    return [_job(number, dice, affinity, quality) for number in range(JOBS)]


def _job(number: int, dice: Random, affinity: dict[tuple[int, str], float], quality: dict[str, float]) -> Job:
    [kind] = dice.choices(range(CLASSES), [1 / (place + 1) for place in range(CLASSES)])
    [pattern] = dice.choices(range(PATTERNS), [1 / (place + 1) for place in range(PATTERNS)])
    hard = dice.gauss(0, DIFFICULTY)
    chances = {}
    for rung in RUNGS:
        logit = BASE + LEVEL[rung[0]] + quality[rung] + affinity[kind, rung] - hard + dice.gauss(0, LUCK)
        chances[rung] = 1 / (1 + exp(-logit))
    mends = frozenset(rung for rung in RUNGS if dice.random() < chances[rung])
    again = [dice.random() < chances[RUNGS[1]] for _ in RUNGS]
    return Job(f"r-{number:06d}", kind, pattern, mends, again, dice.random() < FITS)


# Ways to go about it


def learned(views: Views, signature: str, seed: int, _: Random) -> Sequence[str]:
    """As it worked so far."""
    return order(views.ladder, signature, RUNGS, seed)


def fixed(_: Views, __: str, ___: int, ____: Random) -> Sequence[str]:
    """As the table stands."""
    return RUNGS


def shuffled(_: Views, __: str, ___: int, dice: Random) -> Sequence[str]:
    """In any order."""
    return dice.sample(RUNGS, len(RUNGS))


def without_ladder(jobs: list[Job]) -> Ended:
    """The second rung again and again, after the first."""
    ends = []
    for job in jobs:
        mended = [RUNGS[0] in job.mends, *job.again[1:]]
        ends.append(next((place for place, holds in enumerate(mended) if holds), None))
    return _ended([(place, SECONDS["C"] * (1 + (len(RUNGS) if place is None else place))) for place in ends])


def simulated(jobs: list[Job], way: Order, seed: int, *, poisoned: float = 0.0, remembers: bool = False) -> Ended:
    """The jobs one after the other, in an order that sees what became of those before."""
    views, messages, dice = Views(), Index(), Random(seed)  # noqa: S311  nothing secret
    ends: list[tuple[int | None, float]] = []
    for number, job in enumerate(jobs):
        signature = f"v2:{job.kind}.{job.kind}-{number}"
        told = _Telling(views, job.name, number)
        told.red(signature)
        replayed = remembers and _replays(views, messages, job, signature, told)
        rungs = way(views, signature, seed_of(seed, job.name), dice)
        place = 0 if replayed else next((place for place, rung in enumerate(rungs) if rung in job.mends), None)
        climbed = [] if replayed else rungs if place is None else rungs[: place + 1]
        for rung in climbed:
            told.run(rung, certified=(rung in job.mends) != (dice.random() < poisoned))
        if remembers and place is not None and not replayed:
            fix = f"f-{job.pattern}"
            told.fact(e.FixLearned(job=job.name, fix=fix, signature=signature, before="x", after="y", pattern="[]"))
        told.end(certified=place is not None)
        calls = None if place is None else sum(rung != RUNGS[0] for rung in climbed)
        ends.append((calls, sum(SECONDS[rung[0]] for rung in climbed)))
    return _ended(ends)


def _replays(views: Views, messages: Index, job: Job, signature: str, told: "_Telling") -> bool:
    """Whether a remembered fix mends it; what was offered and tried is told to the database."""
    found = recall(views.fix_database, messages, signature, "", seed_of(job.name))
    held_out = is_held_out(job.name, HELD_OUT)
    told.fact(e.Recalled(job=job.name, run=f"{job.name}.0", fixes=found.replay, by=found.by, held_out=held_out))
    for fix in [] if held_out else found.replay[:CANDIDATES]:
        worked = fix == f"f-{job.pattern}" and job.fits
        told.fact(e.FixTried(job=job.name, run=f"{job.name}.0", fix=fix, worked=worked, how="replayed"))
        if worked:
            return True
    return False


def _ended(ends: list[tuple[int | None, float]]) -> Ended:
    count, most = len(ends), len(RUNGS) - 1
    calls = [most if end is None else end for end, _ in ends]
    solved = [end for end, _ in ends if end is not None]
    return Ended(
        sum(calls) / count,
        sum(end == 0 for end in solved) / count,
        sum(end < 6 for end in solved) / count,
        len(solved) / count,
        sum(seconds for _, seconds in ends) / count,
    )


class _Telling:
    """Tells the two views that learn what happened to a job, as a daemon would."""

    def __init__(self, views: Views, job: str, number: int) -> None:
        self._views, self._job, self._at, self._runs = views, job, 60.0 * number, 0

    def fact(self, fact: e.Fact) -> None:
        placed = structs.replace(fact, at=self._at)
        for name in ("ladder", "fix_database"):
            if fold := FOLDS[name].get(type(fact)):
                fold(getattr(self._views, name), placed)

    def red(self, signature: str) -> None:
        run = f"{self._job}.0"
        self.fact(e.RedGateHeld(job=self._job, run=run, failing=[], passing=1, signature=signature, message="m"))

    def run(self, rung: str, *, certified: bool) -> None:
        self._runs += 1
        job, run = self._job, f"{self._job}.{self._runs}"
        seconds, tokens = SECONDS[rung[0]], 0 if rung == RUNGS[0] else 1_000
        self.fact(e.RunOpened(job=job, run=run, number=self._runs, attempts=1, rung=rung))
        self.fact(e.Proposed(job=job, run=run, attempt=1, prompt="", answer="", tokens_in=tokens, seconds=seconds))
        self.fact(e.RunSettled(job=job, run=run, outcome="certified" if certified else "failed"))

    def end(self, *, certified: bool) -> None:
        self.fact(e.JobSettled(job=self._job, outcome="certified" if certified else "failed"))
