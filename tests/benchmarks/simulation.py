"""A thousand jobs with failures drawn from stated distributions: what order, ladder and memory are worth, if so.

Nothing is repaired here, and nothing is claimed of any model: it is `policy/order.py`, `policy/recall.py` and their
views, fed with facts of a made-up world, of which the first table says all that was assumed. A job has a class and a
difficulty, and every rung a chance with it: by its level, by its affinity to the class, and by luck that stays with job
and rung, so that asking the same way again does not make independent draws of it. A run is one model call, but for
`C1`, which asks none. A job ends with the first certificate or when twenty runs failed.

All ways see the same jobs with the same luck. *Calls, tokens, seconds* are those of a job, whatever became of it: one
without a certificate counts all of its runs. *In 1, 6, 20* are the shares of the jobs that were mended in so many runs.
*Regret* is how many more calls it takes than the best order: that of somebody who knows what each rung is worth for
each class, and not what luck a job has. *More than learned* is its calls less those of the learned order, seed by seed.
Intervals are 95 %, over the seeds.
"""

from collections.abc import Callable, Iterator, Sequence
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
from tests.benchmarks.measure import tell

TITLE = "A simulated thousand jobs"
MEASURED = "Simulated once."
JOBS, FEW = 1_000, 150
SEEDS = 200
CLASSES = 8
DIFFICULTY = 1.7  # deviation of the logit: real success rates are that heterogeneous
LUCK = 0.8  # deviation that stays with job and rung
QUALITY = 0.4  # deviation of what a rung is worth, beside its level
BASE = -2.2
LEVEL = {"C": 0.0, "M": 0.2, "A": 0.3, "N": 0.6}
SECONDS = {"C": 20.0, "M": 40.0, "A": 40.0, "N": 60.0}
TOKENS = {"C": 5_000, "M": 10_000, "A": 10_000, "N": 15_000}
AFFINITY = {"no": 0.0, "some": 0.8, "strong": 1.6}
POISONED = 0.1
PATTERNS = 150  # kinds of fixes, Zipf
FITS = 0.7  # that a remembered fix of the right kind mends when it is replayed
HELD_OUT = 0.1
RUNGS = [rung.id for rung in LADDER]
COLUMNS = (
    "way", "calls", "tokens", "seconds", "in 1", "in 6", "in 20", "regret", "more than learned",
)  # fmt: skip
FIELDS = {"calls": ".2f", "tokens": ",.0f", "seconds": ".0f", "in_1": ".3f", "in_6": ".3f", "in_20": ".3f"}
Order = Callable[[Views, "Job", int, Random], Sequence[str]]


class Job(Struct, frozen=True):
    """A failure, and which rungs would mend it."""

    name: str
    kind: int
    pattern: int
    mends: frozenset[str]
    again: list[bool]  # whether the first rung with a model would, asked again and again
    fits: bool


class World(Struct, frozen=True):
    """The jobs of a seed, and for each class the rungs as somebody would order them who knew their worth."""

    jobs: list[Job]
    best: list[list[str]]


class Ended(Struct, frozen=True):
    """What the jobs of one seed took."""

    calls: float
    tokens: float
    seconds: float
    in_1: float
    in_6: float
    in_20: float


def run(folder: Path, _: int) -> str:
    """The assumptions, then a table for each world."""
    del folder  # nothing is written
    parts = ["\n".join(_assumptions())]
    for word, strength in AFFINITY.items():
        worlds = [world(seed, strength) for seed in range(SEEDS)]
        ways = _ways(worlds) | (_circumstances(worlds) if word == "some" else {})
        parts.append(f"**{word} affinity** (deviation {strength})\n\n{_table(ways)}")
    worlds = [world(seed, AFFINITY["some"]) for seed in range(SEEDS)]
    few = [structs.replace(each, jobs=each.jobs[:FEW]) for each in worlds]
    parts.append(f"**some affinity, the first {FEW} jobs only**\n\n{_table(_ways(few))}")
    return "\n\n".join(parts)


def _assumptions() -> Iterator[str]:
    yield "| assumed | |"
    yield "| --- | --- |"
    said = {
        "jobs, seeds": f"{JOBS:,} jobs, {SEEDS} seeds",
        "classes": f"{CLASSES}, Zipf",
        "difficulty of a job": f"logit-normal, deviation {DIFFICULTY}",
        "luck of job and rung": f"deviation {LUCK}",
        "worth of a rung": f"deviation {QUALITY}",
        "levels add to it": ", ".join(f"{level} {more}" for level, more in LEVEL.items()),
        "chance of a middling job on a middling first rung": f"{1 / (1 + exp(-BASE)):.2f}",
        "affinity of class and rung": ", ".join(f"{word}: deviation {strength}" for word, strength in AFFINITY.items()),
        "seconds of a run": ", ".join(f"{level} {seconds:.0f}" for level, seconds in SECONDS.items()),
        "tokens of a run": ", ".join(f"{level} {tokens:,}" for level, tokens in TOKENS.items()) + "; C1 none",
        "memory": f"{PATTERNS} kinds of fixes, Zipf; the right one mends in {FITS:.0%}; {HELD_OUT:.0%} held out",
        "a replay": "no call, no time",
        "outcomes told wrongly": f"none, or {POISONED:.0%}: failed for certified, certified for failed",
    }
    yield from (f"| {what} | {words} |" for what, words in said.items())


def _ways(worlds: list[World]) -> dict[str, list[Ended]]:
    """Every order, and no ladder at all."""
    orders = {"learned order": learned, "fixed order": fixed, "shuffled": shuffled, "best order": None}
    found: dict[str, list[Ended]] = {}
    for name, way in orders.items():
        tell(f"{TITLE}: {name}")
        found[name] = [simulated(each, way or best(each), seed) for seed, each in enumerate(worlds)]
    return found | {"no ladder": [without_ladder(each.jobs) for each in worlds]}


def _circumstances(worlds: list[World]) -> dict[str, list[Ended]]:
    """The learned order where outcomes are told wrongly, and where there is memory."""
    tell(f"{TITLE}: told wrongly, memory")
    seeded = list(enumerate(worlds))
    wrongly = [simulated(each, learned, seed, poisoned=POISONED) for seed, each in seeded]
    memory = [simulated(each, learned, seed, remembers=True) for seed, each in seeded]
    return {f"learned order, {POISONED:.0%} told wrongly": wrongly, "learned order, with memory": memory}


def _table(ways: dict[str, list[Ended]]) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    for name, ended in ways.items():
        cells = [_interval([getattr(each, field) for each in ended], form) for field, form in FIELDS.items()]
        for peer in ("best order", "learned order"):
            apart = [one.calls - other.calls for one, other in zip(ended, ways[peer], strict=True)]
            cells.append("" if name == peer else _interval(apart, "+.2f"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(figures: list[float], form: str) -> str:
    half = 1.96 * stdev(figures) / sqrt(len(figures))
    return f"{mean(figures):{form}} ± {half:{form.lstrip('+')}}"


# The world


def world(seed: int, strength: float) -> World:
    """The jobs of a seed; how they are tried changes none of them."""
    dice = Random(seed)  # noqa: S311  nothing secret
    affinity = {(kind, rung): dice.gauss(0, strength) for kind in range(CLASSES) for rung in RUNGS}
    quality = {rung: dice.gauss(0, QUALITY) for rung in RUNGS}
    worth = {(kind, rung): LEVEL[rung[0]] + quality[rung] + affinity[kind, rung] for kind, rung in affinity}
    return World([_job(number, dice, worth) for number in range(JOBS)], [_best(worth, kind) for kind in range(CLASSES)])


def _best(worth: dict[tuple[int, str], float], kind: int) -> list[str]:
    """The most certificates a second first, as the learned order means to have it; C1 asks no model."""
    share = {rung: 1 / (1 + exp(-BASE - worth[kind, rung])) / SECONDS[rung[0]] for rung in RUNGS}
    return sorted(RUNGS, key=lambda rung: (rung != RUNGS[0], -share[rung]))


def _job(number: int, dice: Random, worth: dict[tuple[int, str], float]) -> Job:
    [kind] = dice.choices(range(CLASSES), [1 / (place + 1) for place in range(CLASSES)])
    [pattern] = dice.choices(range(PATTERNS), [1 / (place + 1) for place in range(PATTERNS)])
    hard = dice.gauss(0, DIFFICULTY)
    chances = {}
    for rung in RUNGS:
        logit = BASE + worth[kind, rung] - hard + dice.gauss(0, LUCK)
        chances[rung] = 1 / (1 + exp(-logit))
    mends = frozenset(rung for rung in RUNGS if dice.random() < chances[rung])
    again = [dice.random() < chances[RUNGS[1]] for _ in RUNGS]
    return Job(f"r-{number:06d}", kind, pattern, mends, again, dice.random() < FITS)


# Ways to go about it


def learned(views: Views, job: Job, seed: int, _: Random) -> Sequence[str]:
    """As it worked so far."""
    return order(views.ladder, _signature(job), RUNGS, seed)


def fixed(_: Views, __: Job, ___: int, ____: Random) -> Sequence[str]:
    """As the table stands."""
    return RUNGS


def shuffled(_: Views, __: Job, ___: int, dice: Random) -> Sequence[str]:
    """In any order."""
    return dice.sample(RUNGS, len(RUNGS))


def best(known: World) -> Order:
    """As it would be best for the class."""
    return lambda _, job, __, ___: known.best[job.kind]


def _signature(job: Job) -> str:
    return f"v2:{job.kind}.{job.name}"


def without_ladder(jobs: list[Job]) -> Ended:
    """The second rung again and again, after the first."""
    climbs = [RUNGS[0], *[RUNGS[1]] * (len(RUNGS) - 1)]
    ends = []
    for job in jobs:
        mended = [RUNGS[0] in job.mends, *job.again[1:]]
        place = next((place for place, holds in enumerate(mended) if holds), None)
        ends.append((place is not None, climbs if place is None else climbs[: place + 1]))
    return _ended(ends)


def simulated(known: World, way: Order, seed: int, *, poisoned: float = 0.0, remembers: bool = False) -> Ended:
    """The jobs one after the other, in an order that sees what became of those before."""
    views, messages, dice = Views(), Index(), Random(seed)  # noqa: S311  nothing secret
    ends: list[tuple[bool, Sequence[str]]] = []
    for number, job in enumerate(known.jobs):
        signature = _signature(job)
        told = _Telling(views, job.name, number)
        told.red(signature)
        replayed = remembers and _replays(views, messages, job, signature, told)
        rungs = way(views, job, seed_of(seed, job.name), dice)
        place = 0 if replayed else next((place for place, rung in enumerate(rungs) if rung in job.mends), None)
        climbed = [] if replayed else rungs if place is None else rungs[: place + 1]
        for rung in climbed:
            told.run(rung, certified=(rung in job.mends) != (dice.random() < poisoned))
        if remembers and place is not None and not replayed:
            fix = f"f-{job.pattern}"
            told.fact(e.FixLearned(job=job.name, fix=fix, signature=signature, before="x", after="y", pattern="[]"))
        told.end(certified=place is not None)
        ends.append((place is not None, climbed))
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


def _ended(ends: Sequence[tuple[bool, Sequence[str]]]) -> Ended:
    """From whether each job was mended, and the rungs that were climbed for it."""
    count = len(ends)
    asked = [[rung for rung in climbed if rung != RUNGS[0]] for _, climbed in ends]
    runs = [len(climbed) for mended, climbed in ends if mended]
    return Ended(
        sum(map(len, asked)) / count,
        sum(_tokens(rung) for rungs in asked for rung in rungs) / count,
        sum(SECONDS[rung[0]] for _, climbed in ends for rung in climbed) / count,
        *(sum(each <= most for each in runs) / count for most in (1, 6, 20)),
    )


def _tokens(rung: str) -> int:
    return 0 if rung == RUNGS[0] else TOKENS[rung[0]]


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
        seconds, tokens = SECONDS[rung[0]], _tokens(rung)
        self.fact(e.RunOpened(job=job, run=run, number=self._runs, attempts=1, rung=rung))
        self.fact(e.Proposed(job=job, run=run, attempt=1, prompt="", answer="", tokens_in=tokens, seconds=seconds))
        self.fact(e.RunSettled(job=job, run=run, outcome="certified" if certified else "failed"))

    def end(self, *, certified: bool) -> None:
        self.fact(e.JobSettled(job=self._job, outcome="certified" if certified else "failed"))
