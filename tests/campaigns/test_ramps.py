"""Ramps at their size: 300 instances under six workers, deaths on the way, and one answer in five wrong."""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from daemon import events as e
from daemon.blobs import Blobs
from tests.fakes.bursts import resident_bytes
from tests.fakes.daemon_process import DaemonProcess, repair
from tests.fakes.instances import answer, script

pytestmark = pytest.mark.campaign

HOUSE = Path(__file__).parents[2]
GOLD = HOUSE / "tests" / "examples" / "gold"
WORKERS = 6
INSTANCES = 300
SHORTEST_S, LONGEST_S = 0.5, 2.0  # an instance with a model takes minutes: this asks more of the house
PHASES = [1, 5, 10, 20, 50, 100, INSTANCES]
LEAST_SHARE = 0.95
BYTES_PER_INSTANCE = 32 * 2**10  # its job, its run, its row with what it was told
PATIENCE_S = 600.0
ONE_TRY: dict[str, Any] = {"base_runs": 1, "attempts_per_run": 1, "job_model_calls": 1}


def instance(number: int, script: str) -> dict[str, Any]:
    return repair(f"shop{number}", script, title=f"i{number:03}")


def settled(daemon: DaemonProcess) -> list[tuple[int, int]]:
    return [(fact.solved, fact.viable) for fact in daemon.facts_of(e.PhaseSettled) if isinstance(fact, e.PhaseSettled)]


def end(daemon: DaemonProcess) -> e.RampSettled:
    [found] = daemon.facts_of(e.RampSettled)
    assert isinstance(found, e.RampSettled)
    return found


def moves(daemon: DaemonProcess) -> int:
    """How often something was taken up so far."""
    return len(daemon.facts_of(e.RunClaimed, e.JobAccepted))


def has_moved(daemon: DaemonProcess, enough: int) -> bool:
    return bool(daemon.facts_of(e.RampSettled)) or moves(daemon) >= enough


def ideal_s(durations: Iterable[float]) -> float:
    """When six workers would be ready who take the next one, in this order, as soon as they are free."""
    free = [0.0] * WORKERS
    for duration in durations:
        free[free.index(min(free))] += duration
    return max(free)


def held_s(facts: Iterable[e.AnyFact]) -> Iterator[list[float]]:
    """How long runs were in a worker's hand, in the order of their claims: a list from each barrier to the next.

    A phase has two: nothing is mended before its health is known, and the next one waits for the last of its end.
    """
    since: dict[str, float] = {}
    held: dict[str, float] = {}
    for fact in facts:
        match fact:
            case e.RunClaimed():
                since[fact.run] = fact.at
                held[fact.run] = 0.0  # its place is that of its claim
            case e.RunParked() | e.RunSettled():
                held[fact.run] = fact.at - since[fact.run]
            case e.PhaseReleased() | e.PhaseSettled():
                yield list(held.values())
                held = {}
            case _:
                pass


def test_three_hundred_instances_keep_six_workers_busy(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """From the first phase to the last, against the ideal schedule of the same durations under the same barriers.

    That share is what waiting costs, and it is asserted. Told besides: the same against the stalls of the script alone,
    so that all that the house itself does for an instance counts as idle; that one is a time, and depends on the disk.
    """
    dice = random.Random(7)  # noqa: S311  the same durations each time
    stalls = [dice.uniform(SHORTEST_S, LONGEST_S) for _ in range(INSTANCES)]
    rows = [instance(number, f"stall {each:.3f}, fix") for number, each in enumerate(stalls)]
    with DaemonProcess(tmp_path, workers=WORKERS, publish_every_ms=1000) as daemon:
        daemon.start().wait_until_said("ready")
        resident = [resident_bytes(daemon)]
        daemon.drop("ramp.json", {"kind": "ramp", "instances": rows, "phases": PHASES})
        for enough in PHASES[-3:]:
            daemon.wait_until(partial(has_settled, daemon, enough), PATIENCE_S)
            resident.append(resident_bytes(daemon))
        daemon.wait_until(lambda: daemon.facts_of(e.RampSettled))
        facts = list(daemon.facts())
    opened, over = daemon.facts_of(e.PhaseOpened)[0], daemon.facts_of(e.PhaseSettled)[-1]
    took_s = over.at - opened.at
    share = sum(ideal_s(durations) for durations in held_s(facts)) / took_s
    alone = sum(ideal_s(stalls[first:last]) for first, last in pairwise([0, *PHASES])) / took_s
    told = ", ".join(f"{each / 2**20:.0f}" for each in resident)
    tell(f"{took_s:.1f} s: share {share:.3f}, against the stalls alone {alone:.3f}")
    tell(f"resident MiB at the start and after {', '.join(map(str, PHASES[-3:]))} instances: {told}")
    assert settled(daemon)[-1] == (INSTANCES, INSTANCES)
    assert share >= LEAST_SHARE
    assert resident[-1] - resident[1] <= (INSTANCES - PHASES[-3]) * BYTES_PER_INSTANCE


def has_settled(daemon: DaemonProcess, enough: int) -> bool:
    return daemon.settled() >= enough


def test_killed_again_and_again_it_ends_with_the_right_numbers(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """Through 1, 5, 10 and 20, with deaths at random instants: every instance once, every phase as if nothing was."""
    rows = [instance(number, "broken" if number in (3, 12) else "stall 0.05, fail, fix") for number in range(20)]
    dice, lives = random.Random(11), 0  # noqa: S311  the same instants each time, as far as a machine allows
    with DaemonProcess(tmp_path, workers=WORKERS) as daemon:
        daemon.drop("ramp.json", {"kind": "ramp", "instances": rows, "phases": [1, 5, 10, 20]})
        until = time.monotonic() + PATIENCE_S
        while not daemon.facts_of(e.RampSettled):
            assert time.monotonic() < until
            daemon.start()
            lives += 1
            daemon.wait_until(partial(has_moved, daemon, moves(daemon) + dice.randrange(3, 25)))
            daemon.kill()
        tell(f"{lives} lives")
        assert settled(daemon) == [(1, 1), (4, 4), (9, 9), (18, 18)]
        assert end(daemon).outcome == "reached"
        assert len(daemon.facts_of(e.JobAccepted)) == len(daemon.facts_of(e.JobSettled)) == len(rows)
        assert lives > 2


def test_with_one_answer_in_five_wrong_it_stops_where_it_must_and_says_why(tmp_path: Path) -> None:
    """The fifth instance fails: phase 1 is whole, phase 2 is not, and nothing of phase 3 is opened."""
    rows = [instance(number, "regression" if number % 5 == 4 else "fix") for number in range(20)]
    with DaemonProcess(tmp_path, **ONE_TRY) as daemon:
        daemon.drop("ramp.json", {"kind": "ramp", "instances": rows, "phases": [1, 5, 10, 20]})
        daemon.start("once").wait(PATIENCE_S)
        assert settled(daemon) == [(1, 1), (4, 5)]
        assert len(daemon.facts_of(e.JobAccepted)) == 5
        why = end(daemon)
        assert (why.outcome, why.failed, why.failures) == ("stopped", ["i004"], {"regression": 1})


def test_what_failed_is_tried_again_on_request(tmp_path: Path) -> None:
    """A ramp stops at its target; `retries/` opens it with what failed, and a ramp that nobody knows is rejected."""
    with DaemonProcess(tmp_path, **ONE_TRY) as daemon:
        rows = [instance(0, "fix"), instance(1, "fail")]
        daemon.drop("ramp.json", {"kind": "ramp", "instances": rows, "phases": [2]})
        daemon.start("once").wait()
        stopped = end(daemon)
        assert stopped.outcome == "stopped"
        daemon.drop("again.json", [{"job": "m-000001"}, {"job": "m-000009"}], "retries")
        daemon.start("once").wait()
        assert [getattr(fact, "instance", "") for fact in daemon.facts_of(e.JobReopened)] == stopped.failed
        assert len(daemon.facts_of(e.DropRejected)) == 1
        last = daemon.facts_of(e.RampSettled)[-1]
        assert isinstance(last, e.RampSettled)
        assert (last.outcome, last.repeated, last.newly_solved) == ("stopped", ["i001"], [])


def known(number: int, drop: dict[str, Any], wrong: int) -> tuple[dict[str, Any], str]:
    """An example with its gold patch, and what is answered to it: gold, or in every so many cases nonsense."""
    name = Path(drop["repo"]).name
    gold = (GOLD / f"{name}.diff").read_text()
    is_wrong = wrong and number % wrong == wrong - 1
    said = "I would leave it as it is." if is_wrong else answer(gold)
    return drop | {"repo": str(HOUSE / drop["repo"]), "instance_id": name, "gold_patch": gold}, said


def climbed_for_real(home: Path, wrong: int = 0, broken_gold: str = "") -> DaemonProcess:
    """A daemon that has climbed twenty real repairs with recorded answers, killed twice on the way."""
    found = [json.loads(path.read_text()) for path in sorted((HOUSE / "examples").glob("*.json"))]
    healthy = [
        drop for drop in found if isinstance(drop, dict) and (GOLD / f"{Path(drop.get('repo', '')).name}.diff").exists()
    ]
    pairs = [known(number, drop, wrong) for number, drop in enumerate(healthy[:20])]
    rows = [row | ({"gold_patch": "no diff"} if row["instance_id"] == broken_gold else {}) for row, _ in pairs]
    answers = script(home / "answers.jsonl", {row["instance_id"]: said for row, said in pairs})
    daemon = DaemonProcess(
        home,
        world="real",
        answers_from="script",
        answers_path=answers,
        models="known",
        search_s=0,
        gate_runs=1,
        **ONE_TRY,
    )
    daemon.drop("ramp.json", {"kind": "ramp", "instances": rows, "phases": [1, 5, 10, 20], "gold_check": True})
    for enough in (12, 40):
        daemon.start()
        daemon.wait_until(partial(has_moved, daemon, enough), PATIENCE_S)
        daemon.kill()
    daemon.start("once").wait(PATIENCE_S)
    return daemon


def test_twenty_real_repairs_with_answers_made_from_gold_patches(tmp_path: Path) -> None:
    """In the sandbox, gold checked first: all are solved, but for the one whose gold patch is none."""
    daemon = climbed_for_real(tmp_path, broken_gold="async_queue")
    assert settled(daemon) == [(1, 1), (4, 4), (9, 9), (19, 19)]
    assert end(daemon).outcome == "reached"
    released = daemon.facts_of(e.PhaseReleased)[-1]
    assert isinstance(released, e.PhaseReleased)
    assert "gold patch" in released.excluded["async_queue"]
    prompts = {fact.prompt for fact in daemon.facts_of(e.Proposed) if isinstance(fact, e.Proposed)}
    blobs = Blobs(daemon.state / "blobs")
    golds = [(GOLD / f"{name}.diff").read_text() for name in released.viable]
    assert not [gold for gold in golds for prompt in prompts if gold in blobs.get(prompt).decode()]


def test_one_real_answer_in_five_wrong(tmp_path: Path) -> None:
    """The fifth is wrong: it stops at phase 2, and lays it on the answer."""
    daemon = climbed_for_real(tmp_path, wrong=5)
    assert settled(daemon) == [(1, 1), (4, 5)]
    why = end(daemon)
    assert (why.outcome, why.causes, why.failures) == ("stopped", {"orchestration": 1}, {"unreadable_answer": 1})
