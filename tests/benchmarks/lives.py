"""Facts as a long life would leave them: interleaved jobs with runs, attempts, failures, certificates and fixes."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from random import Random

from msgspec import structs

from daemon import events as e
from daemon.drops import Repair
from daemon.events import AnyFact, Failure

OPEN_AT_ONCE = 60
PROJECTS = 500
SIGNATURES = 20_000
FAILURES: tuple[Failure, ...] = ("same_failure", "other_failure", "edit_did_not_land", "regression", "no_answer")


def facts(count: int, seed: int = 1) -> Iterator[AnyFact]:
    """That many facts of one life, with place and time, about sixty jobs open at any moment."""
    dice, at = Random(seed), 1_760_000_000.0  # noqa: S311  nothing secret
    for seq, fact in enumerate(islice(_interleaved(dice), count), 1):
        at += 0.05
        yield structs.replace(fact, seq=seq, at=round(at, 6))


def _interleaved(dice: Random) -> Iterator[AnyFact]:
    yield e.DaemonStarted(pid=1, version="0")
    number, lives = 0, deque[Iterator[AnyFact]]()
    while True:
        while len(lives) < OPEN_AT_ONCE:
            number += 1
            lives.append(job(number, dice))
        fact = next(lives[0], None)
        if fact is None:
            lives.popleft()
        else:
            yield fact
            lives.rotate(-dice.randrange(1, 5))


def job(number: int, dice: Random) -> Iterator[AnyFact]:
    """The life of one repair, from accepted to settled."""
    name, project = f"r-{number:06d}", f"project-{dice.randrange(PROJECTS)}"
    test = f"tests/test_orders.py::test_total_{number % 97}"
    repair = Repair(repo=f"/srv/{project}", tests=[test], problem="The total of an order misses its last line.")
    source = f"{number}.json:{number}:1760000000000000000:180:00f1e2d3c4b5a697"
    yield e.JobAccepted(
        source=source, job=name, kind="repair", project=project, title=f"{project}: {test}", drop=repair
    )
    signature = f"{dice.randrange(SIGNATURES):016x}"
    runs = dice.choices((1, 2, 3), (70, 20, 10))[0]
    for run in range(1, runs + 1):
        yield from _run(f"{name}.{run}", test, signature, dice, mended=run == runs and dice.random() < 0.8)
    mended = dice.random() < 0.8
    yield e.JobSettled(job=name, outcome="certified" if mended else "failed", reason=f"after {runs} runs")


def _run(run: str, test: str, signature: str, dice: Random, *, mended: bool) -> Iterator[AnyFact]:
    job, number = run.split(".")
    yield e.RunOpened(job=job, run=run, number=int(number), attempts=6)
    yield e.RunClaimed(job=job, run=run, worker=f"w{dice.randrange(1, 7)}")
    yield e.EnvironmentReady(job=job, run=run, key=_digest(dice), seconds=1.25)
    yield e.WorkspaceReady(job=job, run=run, base=_digest(dice), seconds=0.02)
    message = (
        f"AssertionError: assert {number} == {dice.randrange(1000)}, the last line of the order is not in the total"
    )
    yield e.RedGateHeld(
        job=job, run=run, failing=[test], passing=120, signature=signature, message=message, seconds=2.5
    )
    attempts = dice.randrange(1, 7)
    for attempt in range(1, attempts + 1):
        yield e.Proposed(
            job=job,
            run=run,
            attempt=attempt,
            prompt=_digest(dice),
            answer=_digest(dice),
            tokens_in=3000,
            tokens_out=400,
        )
        yield e.EditsApplied(job=job, run=run, attempt=attempt, files=["shop/orders.py"], diff=_digest(dice))
        if not mended or attempt < attempts:
            failure = dice.choice(FAILURES)
            yield e.AttemptFailed(job=job, run=run, attempt=attempt, failure=failure, message=message, seconds=3.0)
    if mended:
        yield e.GreenGatePassed(job=job, run=run, attempt=attempts, fixed=1, kept=120, seconds=3.0)
        yield e.Certified(job=job, run=run, attempt=attempts, certificate=_digest(dice), patch=_digest(dice))
        before, after = "for line in lines[:-1]:", "for line in lines:"
        yield e.FixLearned(job=job, fix=f"f-{signature}", signature=signature, before=before, after=after)
    yield e.RunSettled(job=job, run=run, outcome="certified" if mended else "failed", reason="" if mended else message)


def _digest(dice: Random) -> str:
    return f"{dice.getrandbits(256):064x}"
