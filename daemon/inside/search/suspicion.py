"""Where the bug may be: which lines the failing tests execute and the passing ones do not.

Ochiai over the lines that each test executed, what runs at import subtracted, with a bonus for the last own frame of a
traceback. It sees what was measured; what is done about a suspicious line is decided elsewhere.
"""

from math import sqrt
from typing import Dict, Iterable, List, Sequence, Set, Tuple

from .verdicts import Baseline, Test

LAST_FRAME_BONUS = 0.25  # of a whole; most fixes of crashes touch the line that crashed or one near it
FRAME_DECAY = 0.7  # each frame further out says less
HUNG = "Hung"  # how the judge's message of a test begins that never ended: its frame is where it was stopped, by chance
BESIDE = 0.8  # in half of all bugs the test's file is named after the file to be changed: the others come later
ONLY_IN_FRAMES = 0.5  # of a line that crashed while modules were imported: no test executes it

Suspicions = Dict[str, Dict[int, float]]
Line = Tuple[str, int]


def suspicions(baseline: Baseline, failing: Iterable[str] = ()) -> Suspicions:
    """How suspicious each executed line is, 0 to 1. `failing` names the tests that count as failed, if not all do."""
    named = set(failing) or {test.id for test in baseline.tests if not test.passed}
    whole = [test for test in baseline.tests if test.id in named]
    parts = [part for part in baseline.parts if part.id.rpartition("#")[0] in named and part.executed]
    apart = {part.id.rpartition("#")[0] for part in parts if not part.passed}
    failed = [test for test in whole if test.id not in apart]
    failed += [part for part in parts if not part.passed]
    passed = [test for test in baseline.tests if test.id not in named]
    passed += [part for part in parts if part.passed and part.id.rpartition("#")[0] in apart]
    imported: Dict[str, Set[int]] = baseline.imported
    lines = [line for line in _executed(failed) if line[1] not in imported.get(line[0], ())]
    scores = {line: ochiai(line, failed, passed) for line in lines}
    for line, bonus in _frames(whole).items():
        scores[line] = min(1.0, scores.get(line, ONLY_IN_FRAMES) + bonus)
    namesakes = {path for path, _ in scores if any(_stem(path) == _stem(test.id.partition("::")[0]) for test in whole)}
    found: Suspicions = {}
    for (path, number), score in scores.items():
        found.setdefault(path, {})[number] = score if path in namesakes or not namesakes else score * BESIDE
    return found


def ochiai(line: Line, failed: Sequence[Test], passed: Sequence[Test]) -> float:
    """The cosine between "the test fails" and "the test executes this line"."""
    path, number = line
    failing = sum(number in test.executed.get(path, ()) for test in failed)
    passing = sum(number in test.executed.get(path, ()) for test in passed)
    return failing / sqrt(len(failed) * (failing + passing)) if failing else 0.0


def covering(baseline: Baseline, path: str, lines: Iterable[int]) -> int:
    """How many tests execute one of these lines: what a patch there, with which they all pass, has to answer to."""
    wanted = set(lines)
    return sum(bool(wanted & set(test.executed.get(path, ()))) for test in baseline.tests)


def ranked(found: Suspicions) -> List[Tuple[float, str, int]]:
    """All lines, the most suspicious first."""
    lines = [(score, path, number) for path, scores in found.items() for number, score in scores.items()]
    return sorted(lines, key=lambda each: (-each[0], each[1], each[2]))


def _stem(path: str) -> str:
    """The name of a file, without what makes it a test's."""
    stem = path.rpartition("/")[2].partition(".")[0]
    return (
        stem[len("test_") :] if stem.startswith("test_") else stem[: -len("_test")] if stem.endswith("_test") else stem
    )


def _executed(tests: Sequence[Test]) -> List[Line]:
    return sorted({(path, number) for test in tests for path, numbers in test.executed.items() for number in numbers})


def _frames(failed: Sequence[Test]) -> Dict[Line, float]:
    """The bonus of the lines in the failing tests' tracebacks, innermost frame last."""
    bonus: Dict[Line, float] = {}
    for test in failed:
        if test.error.startswith(HUNG):
            continue
        for depth, (path, number) in enumerate(reversed(list(test.frames))):
            bonus[path, number] = max(bonus.get((path, number), 0.0), LAST_FRAME_BONUS * FRAME_DECAY**depth)
    return bonus
