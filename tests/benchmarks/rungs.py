"""Run by `candidates.py` in a package's own interpreter: how many candidates a second each rung of the judge tries.

    python rungs.py < a question in JSON > the figures in JSON

The question: the `root` of the package, the `places` of its tests, the `targets` that fail, the `path` of the file with
the bug, its text when it is `mended`, and `rounds`. Standard library, and the search as it stands in the sandbox.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from daemon.inside.search.candidates import Sieve, candidates
from daemon.inside.search.evidence import gather
from daemon.inside.search.judge import Judge
from daemon.inside.search.suspicion import suspicions
from daemon.inside.search.verdicts import Baseline

REFUSED, FORKED, MENDED, COLD = 300, 60, 20, 3  # candidates of one round

Changes = dict[str, str]


def main() -> None:
    """Ask, measure, tell."""
    asked = json.load(sys.stdin)
    os.chdir(asked["root"])
    judge = Judge(asked["root"], asked["places"], asked["targets"])
    try:
        json.dump(measured(judge, asked), sys.stdout)
    finally:
        judge.close()


def measured(judge: Judge, asked: dict[str, Any]) -> dict[str, Any]:
    """Candidates a second, by rung and from the disk: medians of rounds in which all take turns."""
    baseline = judge.baseline()
    refused = list(islice(tried_in_vain(judge, baseline), REFUSED))
    mended = [{asked["path"]: asked["mended"]}] * MENDED
    ways: dict[str, Callable[[], float]] = {
        "called": lambda: rate(lambda one: not judge.try_(one).fixed, refused),
        "forked": lambda: rate(lambda one: not judge.try_(one, lowest=2).fixed, refused[:FORKED]),
        "all": lambda: rate(lambda one: judge.try_(one, lowest=3).passed, mended),
        "cold, targets": lambda: rate(lambda one: ran_cold(asked["targets"], one), refused[:COLD]),
        "cold, all": lambda: rate(lambda one: ran_cold(asked["places"], one), mended[:COLD]),
    }
    figures: dict[str, list[float]] = {name: [] for name in ways}
    judge.tried.clear()
    for _ in range(asked["rounds"]):
        for name, way in ways.items():
            figures[name].append(way())
    rates = {name: median(found) for name, found in figures.items()}
    return {"rates": rates, "tests": len(baseline.tests), "by_rung": judge.tried}


def tried_in_vain(judge: Judge, baseline: Baseline) -> Iterator[Changes]:
    """What the search would try here, in its order, as far as it mends nothing."""
    evidence = gather(baseline, judge.sources)
    sieve = Sieve(judge.sources, evidence)
    for each in filter(sieve.admits, candidates(judge.sources, suspicions(baseline), evidence)):
        changes = {each.path: each.applied(judge.sources[each.path])}
        if not judge.try_(changes).fixed:
            yield changes


def rate(attempt: Callable[[Changes], bool], those: list[Changes]) -> float:
    """Candidates a second; all of them have to be judged as they should."""
    began = time.perf_counter()
    judged = [attempt(one) for one in those]
    took = time.perf_counter() - began
    assert all(judged)
    return len(those) / took


def ran_cold(tests: list[str], changes: Changes) -> bool:
    """What a plain loop does; whatever it says."""
    [(path, text)] = changes.items()
    before = Path(path).read_text()
    Path(path).write_text(text)
    subprocess.run([sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", *tests], capture_output=True, check=False)
    Path(path).write_text(before)
    return True


if __name__ == "__main__":
    main()
