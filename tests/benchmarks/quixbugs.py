"""Forty small known bugs through the whole real daemon with no model: a drop each, six workers, no memory.

**The set that the templates were written with**: its bugs were known to who wrote them, so this says what the search
reaches at best, and nothing of other bugs. `python -m tests.benchmarks quixbugs --quixbugs FOLDER` measures it; FOLDER
holds `quixbugs.jsonl`, which is not part of this repository.

*Plausible*: certified, so all tests pass at the real gate. *Equal*: on how many of 300 generated valid inputs
(`quixbugs_inputs.py`) the patched program does what the reference does. *Candidate* and *s until*: when the search came
to the patch. *s searched*: what the search took in all, for it looks a while for other patches that the tests allow
(*others*). These seconds are of the wall clock, of six workers; *processor s* is what the search took of processors: on
a machine with other work only these say much. Recorded cases that take seconds even when the program is right are left
out; every test ends itself after some processor time, for some programs never end.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
from msgspec import Struct

from daemon import events as e
from daemon.blobs import Blobs
from daemon.effects.search import Report
from tests.benchmarks.measure import tell
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.repairs import Told, told, write
from tests.fakes.sessions import session

TITLE = "QuixBugs without a model"
MEASURED = "Run once."
SET = "quixbugs.jsonl"
DEADLINE_S = 3600.0
COMPARED_S = 600.0
SESSION_S = 600.0  # nine tests that end themselves after four seconds of a processor, on a busy machine
SETTINGS: dict[str, Any] = {
    "world": "real",
    "workers": 6,
    "base_runs": 1,
    "gate_runs": 1,  # these tests toss no coins
    "memory_holdout": 1.0,  # each for itself
    "sandbox": "bubblewrap",  # six at a time: what containers take to start is not what is measured
}
CHECKS = {
    "equal": "assert found == expected",
    "list": "assert list(found) == expected",
    "tuples": "assert found == [tuple(each) for each in expected]",
    "approx": "assert abs(found - expected) <= arguments[-1]",
}
TESTS = dedent("""\
    import functools, signal
    from copy import deepcopy
    import pytest
    from {name} import {name}

    CASES = {cases!r}

    def late(*_):
        raise TimeoutError("it takes too long")

    signal.signal(signal.SIGVTALRM, late)

    def limited(test):
        @functools.wraps(test)
        def run(**given):
            signal.setitimer(signal.ITIMER_VIRTUAL, 4.0)
            try:
                test(**given)
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return run

    @pytest.mark.parametrize(("arguments", "expected"), CASES, ids=range(len(CASES)))
    @limited
    def test_{name}(arguments, expected):
        found = {name}(*deepcopy(arguments))
        {check}
    """)


class Measured(Struct, frozen=True):
    """What came of one program."""

    name: str
    tests: int
    failing: int
    template: str = ""
    plausible: bool = False
    inputs: int = 0
    equal: int = 0
    number: int = 0
    until_s: float = 0.0
    searched_s: float = 0.0
    processor_s: float = 0.0
    all_processor_s: float = 0.0
    tried: int = 0
    others: int = 0

    @property
    def right(self) -> bool:
        """Whether the patch does what the reference does, as far as was seen."""
        return self.plausible and self.inputs == self.equal > 0

    def line(self) -> str:
        """Its row."""
        equal = f"{self.equal} of {self.inputs}" if self.plausible else ""
        number, until = (f"{self.number}", f"{self.until_s:.2f}") if self.plausible else (f"none of {self.tried}", "")
        cells = [self.name, f"{self.tests} ({self.failing})", "yes" if self.plausible else "**no**"]
        cells += [
            equal if self.right or not equal else f"**{equal}**",
            number,
            until,
            f"{self.searched_s:.2f}",
            f"{self.processor_s:.2f}",
        ]
        return f"| {' | '.join([*cells, self.template, str(self.others)])} |"


def run(folder: Path, _rounds: int, place: Path, only: str = "") -> str:
    """Drop all, wait, compare."""
    rows = [json.loads(line) for line in (place / SET).read_text().splitlines()]
    rows = [row for row in rows if re.search(only, row["name"])]
    daemon = DaemonProcess(folder / "home", **SETTINGS)
    counts = {row["name"]: _dropped(row, folder / "repos" / row["name"], daemon) for row in rows}
    tell(f"  {len(counts)} dropped")
    began = time.monotonic()
    with daemon:
        daemon.start("once").wait(DEADLINE_S)
    took_s = time.monotonic() - began
    seen = told(daemon)
    found = [_measured(row, counts[row["name"]], seen[row["name"]]) for row in rows]
    return _table(found, took_s)


def _dropped(row: Mapping[str, Any], repo: Path, daemon: DaemonProcess) -> tuple[int, int]:
    """Write the program with its tests, see which fail, and drop it; how many tests there are, and how many fail."""
    name = row["name"]
    files = {f"{name}.py": row["buggy"], f"test_{name}.py": row.get("test_source") or _tests(row)}
    if "node_source" in row:
        files["node.py"] = row["node_source"]
    outcomes = session(write(repo, files), seconds=SESSION_S).tests
    failing = sorted(test for test, outcome in outcomes.items() if not outcome.passes)
    drop = {"kind": "repair", "repo": str(repo), "tests": failing, "title": name, "problem": "Some tests fail."}
    daemon.drop(f"{name}.json", drop)
    return len(outcomes), len(failing)


def _tests(row: Mapping[str, Any]) -> str:
    """The recorded cases as a test file."""
    cases = [
        (given if isinstance(given, list) else [given], expected)
        for number, (given, expected) in enumerate(row["cases"])
        if number not in row["slow_cases"]
    ]
    return TESTS.format(name=row["name"], cases=cases, check=CHECKS[row["compare"]])


def _measured(row: Mapping[str, Any], counts: tuple[int, int], seen: Told) -> Measured:
    """What the record says, and how the patch does beside the reference."""
    nothing = next((fact for fact in seen.of(e.NothingFound) if fact.proposer == "templates"), None)
    proposed = next((fact for fact in seen.of(e.Proposed) if fact.proposer == "templates"), None)
    if proposed is None:
        tried, seconds = (nothing.tried, nothing.seconds) if nothing is not None else (0, 0.0)
        return Measured(row["name"], *counts, searched_s=seconds, tried=tried)
    report = msgspec.json.decode(Blobs(seen.state / "blobs").get(proposed.call), type=Report)
    chosen, *others = report.plausible
    plausible = seen.outcome == "certified"
    patched = chosen.changes.get(f"{row['name']}.py", row["buggy"])
    compared = _compared(row, patched) if plausible else {"inputs": 0, "equal": 0}
    return Measured(
        row["name"],
        *counts,
        template=chosen.template,
        plausible=plausible,
        number=chosen.number,
        until_s=chosen.seconds,
        searched_s=report.seconds,
        processor_s=report.searched_processor_s,
        all_processor_s=report.processor_s,
        tried=report.tried,
        others=len(others),
        **compared,
    )


def _compared(row: Mapping[str, Any], patched: str) -> dict[str, int]:
    """On how many inputs the patched program does what the reference does."""
    asked = {"patched": patched, "name": row["name"], "correct": row["correct"]}
    asked |= {"node": row.get("node_source", ""), "compare": row.get("compare", "equal")}
    command = [sys.executable, "-m", "tests.benchmarks.quixbugs_inputs"]
    ran = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=COMPARED_S
    )
    figures: dict[str, int] = json.loads(ran.stdout)
    return figures


def _table(found: Sequence[Measured], took_s: float) -> str:
    head = ["program", "tests (failing)", "plausible", "equal", "candidate", "s until", "s searched", "processor s"]
    head += ["template", "others"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(each.line() for each in found)]
    plausible = [each for each in found if each.plausible]
    until_s, searched_s, processor_s, all_s = (
        sum(getattr(each, name) for each in found)
        for name in ("until_s", "searched_s", "processor_s", "all_processor_s")
    )
    summary = (
        f"Plausible {len(plausible)} of {len(found)} (target 40), "
        f"equal {sum(each.right for each in found)} (target 38); "
        f"until the patch {until_s:.0f} s in all, searched {searched_s:.0f} s in all (target 60); "
        f"of a processor {processor_s:.0f} s, and {all_s:.0f} s with the start and the tests as they are; "
        f"the daemon took {took_s:.0f} s from its start to its end."
    )
    return "\n".join([*lines, "", summary])
