"""What was measured of a project → points from 0 to 100, and what each finding cost. One table of weights.

Points are lost, never gained: a project begins with 100, every finding says what it costs, and the costs add up to what
is missing. The same `Measured` is always the same `Score`. What follows from a score is policy's: it never enters here.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from msgspec import Struct

from daemon.text.measured import SHOWN, Measured, Tests
from daemon.text.shown import many

ENOUGH_REACHED = 0.9  # of the lines: the rest of an honest project is hard to reach
ENOUGH_NOTICED = 0.8  # of the faults: some change nothing that anybody could notice
DECIDES = 11  # points, one more than may be missing: a project that fails here is never certified
LIST_COSTS = 1  # point for each thing that a linter or type checker found


class Finding(Struct, frozen=True):
    """What is wrong, and how many points it cost."""

    criterion: str
    cost: int
    message: str

    def __str__(self) -> str:
        return f"-{self.cost} {self.criterion}: {self.message}"


class Score(Struct, frozen=True):
    """The points that are left, and the findings, the dearest first."""

    points: int
    findings: list[Finding]


class Lost(NamedTuple):
    """The share of a criterion's weight that is lost, and why."""

    share: float
    why: str


class Criterion(NamedTuple):
    """One line of the table: `judge` says what is lost; `needs` are the measurements that it stands on."""

    name: str
    weight: int
    asks: str
    judge: Callable[[Measured], Lost]


NOTHING = Lost(0, "")


def score(measured: Measured) -> Score:
    """The score of a project."""
    findings = []
    for criterion in TABLE:
        why = measured.unmeasured.get(criterion.name)
        lost = Lost(1, f"could not be measured: {why}") if why else criterion.judge(measured)
        if cost := min(criterion.weight, math.ceil(round(criterion.weight * lost.share, 6))):
            findings.append(Finding(criterion.name, cost, lost.why))
    findings.sort(key=lambda finding: -finding.cost)
    return Score(100 - sum(finding.cost for finding in findings), findings)


# How each criterion is judged


def _parses(measured: Measured) -> Lost:
    if not measured.files:
        return Lost(1, "there is no Python file")
    return Lost(1, _some(measured.unparsed)) if measured.unparsed else NOTHING


def _installs(measured: Measured) -> Lost:
    return Lost(1, measured.installs) if measured.installs else NOTHING


def _imports(measured: Measured) -> Lost:
    if not measured.modules:
        return Lost(1, "there is no module to import")
    if measured.unimported:
        return Lost(1, _some(measured.unimported))
    if measured.reached:
        return Lost(1, f"importing a module only defines; it must not reach out: {_some(measured.reached)}")
    return NOTHING


def _entry_point(measured: Measured) -> Lost:
    return Lost(1, f"`{measured.entry_point}`: {measured.entry_trouble}") if measured.entry_trouble else NOTHING


def _acceptance(measured: Measured) -> Lost:
    tests = measured.acceptance
    if tests is None or tests.holds:
        return NOTHING
    failing = tests.failing / (tests.passed + tests.failing) if tests.failing else 1
    at_least = DECIDES / WEIGHTS["acceptance tests"]
    return Lost(at_least + (1 - at_least) * failing, _failing(tests))


def _own_tests(measured: Measured) -> Lost:
    if not measured.own.holds:
        return Lost(1, _failing(measured.own))
    if not _can_fail(measured):
        faults = many(len(measured.faults), "fault")
        return Lost(1, f"the tests cannot fail: they notice none of {faults} put into the code")
    return NOTHING


def _coverage(measured: Measured) -> Lost:
    if not _can_fail(measured):
        return Lost(1, "only tests that can fail count")
    reached = measured.lines_reached / measured.lines if measured.lines else 0
    missing = f"; not {_some(measured.unreached)}" if measured.unreached else ""
    why = f"the project's tests reach {measured.lines_reached} of {many(measured.lines, 'line')}{missing}"
    return Lost(max(0, 1 - reached / ENOUGH_REACHED), why)


def _strength(measured: Measured) -> Lost:
    if not _can_fail(measured):
        return Lost(1, "only tests that can fail count")
    unnoticed = [f"{fault.place} ({fault.what})" for fault in measured.faults if not fault.noticed]
    noticed = 1 - len(unnoticed) / len(measured.faults)
    why = f"the tests do not notice {len(unnoticed)} of {many(len(measured.faults), 'small fault')}: {_some(unnoticed)}"
    return Lost(max(0, 1 - noticed / ENOUGH_NOTICED), why)


def _lint(measured: Measured) -> Lost:
    why = f"{measured.lint_by} found {_some(measured.lint)}"
    return Lost(LIST_COSTS * len(measured.lint) / WEIGHTS["lint"], why) if measured.lint else NOTHING


def _types(measured: Measured) -> Lost:
    why = f"{measured.types_by} found {_some(measured.types)}"
    return Lost(LIST_COSTS * len(measured.types) / WEIGHTS["types"], why) if measured.types else NOTHING


def _readme(measured: Measured) -> Lost:
    page = measured.readme
    if not page.exists:
        return Lost(1, "there is no README")
    told = {"how to run it": page.runs, "how to test it": page.tests, "how to install what it needs": page.installs}
    missing = [what for what, is_told in told.items() if not is_told]
    command = f" (`{measured.entry_point}`)" if not page.runs else ""
    return Lost(len(missing) / len(told), f"does not tell {', '.join(missing)}{command}") if missing else NOTHING


def _can_fail(measured: Measured) -> bool:
    """Whether the tests are tests: they pass, and nothing shows that they always would."""
    is_open = "mutation strength" in measured.unmeasured
    return measured.own.holds and (is_open or any(fault.noticed for fault in measured.faults))


def _failing(tests: Tests) -> str:
    if tests.failing:
        return f"{tests.failing} of {tests.passed + tests.failing} fail: {_some(tests.failed)}"
    return tests.trouble or "there are none"


def _some(places: list[str]) -> str:
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return "; ".join(places[:SHOWN]) + more


TABLE = (
    Criterion("parses", DECIDES, "Is every Python file one?", _parses),
    Criterion("installs", DECIDES, "Can its dependencies be installed?", _installs),
    Criterion("imports", DECIDES, "Can every module be imported, and does that only define?", _imports),
    Criterion("entry point", DECIDES, "Does the command run, as it is or with --help?", _entry_point),
    Criterion("acceptance tests", 20, "Do the tests that came with the idea pass?", _acceptance),
    Criterion("own tests", DECIDES, "Are there tests of its own, do they pass, and can they fail?", _own_tests),
    Criterion("coverage", 6, "Do they reach nine lines in ten?", _coverage),
    Criterion("mutation strength", 8, "Do they notice eight of ten small faults?", _strength),
    Criterion("lint", 3, "Is there nothing that is nearly always a mistake?", _lint),
    Criterion("types", 4, "Has every function annotations, and do they hold?", _types),
    Criterion("README", 4, "Does it tell how to install, run and test?", _readme),
)
WEIGHTS = {criterion.name: criterion.weight for criterion in TABLE}


def document() -> Iterator[str]:
    """The table as docs/score.md shows it; a test keeps them equal."""
    yield "| criterion | points | the question |"
    yield "| --- | ---: | --- |"
    yield from (f"| {one.name} | {one.weight} | {one.asks} |" for one in TABLE)
