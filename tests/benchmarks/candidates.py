"""How many candidates a second each rung of the search's judge can try, beside a cold `python -m pytest` each.

Three test suites of real packages from the package index, each with one bug, two of them real ones that the next
release mended. *Refused* are the first candidates that the search itself tries there and that do not mend it: the
failing test is called in a process that many candidates share (first rung), or run in a fork of the collected session
(second rung). *Mended* is the fix: all tests of the file, in a fork (third rung), which is what only a candidate meets
that makes the failing tests pass. The peer runs the same candidate from the disk, in the same environment, with
`python -m pytest -x -q`: the failing tests alone for the lower rungs, all of the file for the highest.

*What limits it*: the first rung compiles the function that differs, runs the test, and looks whether all that the
package's modules hold is as it was; the second is the kernel's time to fork and to clear up; the third is pytest's own
time for each test, which no other way to start it takes away. On a busy machine every change of process costs a turn.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct
from uv import find_uv_bin

from tests.benchmarks.measure import Row, tell
from tests.fakes.release_pairs import release_pairs, repository

TITLE = "Candidates a second"
SCRIPT = Path(__file__).with_name("rungs.py")
TIMES = 50  # what unit tests are to gain


class Suite(Struct, frozen=True):
    """A file of tests of a release pair's older side, and the line of the package that is, or is made, wrong."""

    kind: str
    pair: str
    tests: str
    targets: list[str]
    path: str
    wrong: str
    right: str
    is_of_units: bool = True


SUITES = [
    Suite(
        "functions with parameters",
        "marshmallow 4.1.0",
        "tests/test_validate.py",
        ["tests/test_validate.py::test_url_custom_scheme_case_insensitive"],
        "src/marshmallow/validate.py",
        "schemes or self.default_schemes",
        "{s.lower() for s in schemes} if schemes else self.default_schemes",
    ),
    Suite(
        "unittest cases",
        "mistune 3.1.3",
        "tests/test_misc.py",
        ["tests/test_misc.py::TestMiscCases::test_unicode_whitespace"],
        "src/mistune/block_parser.py",
        'm.group("atx_2").strip()',
        'm.group("atx_2").strip(" \\t\\n\\r\\x0b\\x0c")',
    ),
    Suite(
        "tests with a fixture",
        "jinja2 3.1.5",
        "tests/test_filters.py",
        ["tests/test_filters.py::TestFilter::test_center"],
        "src/jinja2/filters.py",
        ".ljust(width)",
        ".center(width)",
        is_of_units=False,
    ),
]


def run(folder: Path, rounds: int) -> list[Row]:
    """Each suite in turn, without the plugins that our own tests use."""
    pairs = {pair.title: pair for pair in release_pairs()}
    found = []
    for suite in SUITES:
        pair = pairs[suite.pair]
        repo, _ = repository(pair, folder / suite.pair)
        found += _rows(suite, _measured(suite, repo, _python(folder / suite.pair / "venv", pair.requirements), rounds))
    return found


def _python(folder: Path, requirements: list[str]) -> Path:
    """An interpreter of our version that has these, and pytest."""
    python = folder / "bin" / "python"
    subprocess.run([find_uv_bin(), "venv", "--quiet", "--python", sys.executable, folder], check=True)
    install = [find_uv_bin(), "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, "pytest", *requirements], check=True)
    return python


def _measured(suite: Suite, repo: Path, python: Path, rounds: int) -> dict[str, Any]:
    text = (repo / suite.path).read_text().replace(suite.right, suite.wrong)
    assert text.count(suite.wrong) == 1
    (repo / suite.path).write_text(text)
    asked = {
        "root": str(repo),
        "places": [suite.tests],
        "targets": suite.targets,
        "path": suite.path,
        "mended": text.replace(suite.wrong, suite.right),
        "rounds": rounds,
    }
    environment = {**os.environ, "PYTHONPATH": str(repo / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(
        [python, SCRIPT], input=json.dumps(asked), env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    told: dict[str, Any] = json.loads(ran.stdout)
    tell(f"  {suite.kind}: {told}")
    return told


def _rows(suite: Suite, told: dict[str, Any]) -> list[Row]:
    rates = told["rates"]
    title = f"{suite.kind} ({suite.pair}, {told['tests']} tests)"
    return [
        Row(
            f"{title}: {what}",
            f"{rates[ours]:,.1f}/s",
            f"{rates[peer]:.2f}/s",
            rates[ours] / rates[peer],
            TIMES if ours == "called" and suite.is_of_units else None,
        )
        for what, ours, peer in (
            ("refused, called", "called", "cold, targets"),
            ("refused, in a fork", "forked", "cold, targets"),
            ("mended, all tests in a fork", "all", "cold, all"),
        )
    ]
