"""What variables hold on suspicious lines: seen by real forks, under any interpreter, whatever their values do.

More interpreters can be named, as for the runners: `INSIDE_PYTHONS=/path/to/python3.8:…`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.fakes.sessions import write

RUN = Path(__file__).parents[3] / "daemon" / "inside" / "search" / "run.py"
PYTHONS = [sys.executable, *filter(None, os.environ.get("INSIDE_PYTHONS", "").split(":"))]
NAMES = [Path(python).parent.parent.name for python in PYTHONS]
SHOP = dedent("""\
    def total(prices, discount):
        found = 0
        for price in prices[1:]:
            found += price
        return found - discount
    """)
TESTS = dedent("""\
    import unittest

    import shop


    class Shop(unittest.TestCase):
        def test_all(self):
            self.assertEqual(shop.total([3, 4, 5], 2), 10)

        def test_first_is_free(self):
            self.assertEqual(shop.total([0, 4], 1), 3)
    """)
TARGET = "test_all (test_shop.Shop)"


def seen(folder: Path, python: str, files: dict[str, str], target: str = TARGET, runner: str = "unittest") -> Any:  # noqa: ANN401  as JSON has it
    """What is told of the values, by the words that told it."""
    write(folder / "shop", files)
    asked = {"root": str(folder / "shop"), "runner": runner, "places": ["test_shop.py"], "targets": [target]}
    request, report = folder / "request.json", folder / "report.json"
    request.write_text(json.dumps(asked | {"mode": "values"}))
    command = [python, str(RUN), "--request", str(request), "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder / "shop")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(report.read_text())["values"]


def moments(watched: Any, line: int, how: str = "") -> list[dict[str, str]]:  # noqa: ANN401  as JSON has it
    found = [one for one in watched["seen"] if one["line"] == line and one["how"] == how]
    return [{name: value for name, value in one["values"] if name != "prices"} for one in found]


@pytest.mark.parametrize("python", PYTHONS, ids=NAMES)
def test_a_failing_and_a_passing_test_tell_what_variables_held(tmp_path: Path, python: str) -> None:
    failing, passing = seen(tmp_path, python, {"shop.py": SHOP, "test_shop.py": TESTS})
    assert (failing["test"], failing["passed"], passing["passed"]) == (TARGET, False, True)
    assert moments(failing, 4) == [
        {"discount": "2", "found": "0", "price": "4"},
        {"discount": "2", "found": "4", "price": "5"},
    ]
    assert moments(failing, 5, "return") == [{"discount": "2", "found": "9", "price": "5", "return": "7"}]
    assert moments(passing, 5, "return") == [{"discount": "1", "found": "4", "price": "4", "return": "3"}]


LONG = dedent("""\
    def total(prices, discount):
        everything = list(range(100_000)), "x" * 100_000
        for price in range(1_000):
            discount += price
        return discount
    """)


def test_what_is_long_or_often_is_told_in_short(tmp_path: Path) -> None:
    failing = seen(tmp_path, sys.executable, {"shop.py": LONG, "test_shop.py": TESTS})[0]
    assert len(moments(failing, 4)) == 3
    assert all(len(value) <= 80 for one in failing["seen"] for _, value in one["values"])
    assert len(json.dumps(failing)) < 10_000


RAISES = dedent("""\
    class Cart:
        def __init__(self, prices):
            self.prices = prices
            self.left = None

        def total(self):
            return sum(self.prices) - self.left


    def total(prices, discount):
        return Cart(prices).total()
    """)


def test_attributes_are_told_and_what_ended_the_call(tmp_path: Path) -> None:
    failing = seen(tmp_path, sys.executable, {"shop.py": RAISES, "test_shop.py": TESTS})[0]
    [ended] = moments(failing, 7, "return")
    assert ended == {"self.prices": "[3, 4, 5]", "self.left": "None", "raised": "TypeError"}


@pytest.mark.parametrize(
    "does",
    [
        "raise RuntimeError",
        "return 'a\\x00b\\n' * 50",
        "import os; os._exit(0)",
        "while True: pass",
        "return 5",
        "import sys; sys.settrace(None); return 'gone'",
    ],
)
def test_no_word_that_a_value_has_for_itself_hurts_what_was_told_before(tmp_path: Path, does: str) -> None:
    odd = f"class Odd:\n    def __repr__(self):\n        {does}\n\n\n"
    program = f"{odd}def total(prices, discount):\n    known = 5321\n    held = Odd()\n    return known\n"
    failing = seen(tmp_path, sys.executable, {"shop.py": program, "test_shop.py": TESTS})[0]
    assert {"known": "5321", "discount": "2"} in moments(failing, 8)


def test_a_test_that_executes_nothing_of_its_own_programs_tells_nothing(tmp_path: Path) -> None:
    lonely = "import unittest\n\n\nclass Shop(unittest.TestCase):\n    def test_all(self):\n        self.fail()\n"
    watched = seen(tmp_path, sys.executable, {"shop.py": SHOP, "test_shop.py": lonely})
    assert [one["seen"] for one in watched] == [[]]
