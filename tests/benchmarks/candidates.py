"""How many candidates a second the search can try, at each rung of its judge, beside a cold `python -m pytest` each.

Three small suites of the usual kinds: bare functions with parameters, tests with fixtures and files, and unittest
cases with `setUp`. Each holds one bug. *Refused* are candidates that leave it in, each with a text of its own: the
direct call of the failing tests says so, or, where fixtures stand around them, a fork of the collected session.
*Confirmed* are candidates that mend it: all rungs, and all tests at the end. The peer runs the same candidate from the
disk with `python -m pytest -x -q` (bytecode of what did not change is cached), which is what a plain loop would do.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

from daemon.inside.search.judge import Judge
from tests.benchmarks.measure import Row, take_turns, tell

TITLE = "Candidates a second"
REFUSED, CONFIRMED, COLD = 300, 40, 3  # candidates of one round
TIMES = 50  # what unit tests are to gain

ROMAN = dedent("""\
    SIGNS = [(10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]


    def roman(number):
        text = ""
        for value, sign in SIGNS:
            while number > value:
                text += sign
                number -= value
        return text


    def arabic(text):
        total = 0
        for value, sign in SIGNS:
            while text.startswith(sign):
                total, text = total + value, text[len(sign):]
        return total
    """)
ROMAN_TESTS = dedent("""\
    import pytest
    from roman import arabic, roman

    PAIRS = [(1, "I"), (2, "II"), (4, "IV"), (6, "VI"), (9, "IX"), (14, "XIV"), (27, "XXVII"), (39, "XXXIX")]

    @pytest.mark.parametrize(("number", "text"), PAIRS)
    def test_roman(number, text):
        assert roman(number) == text

    @pytest.mark.parametrize(("number", "text"), PAIRS)
    def test_arabic(number, text):
        assert arabic(text) == number
    """)
LEDGER = dedent("""\
    import csv


    class Ledger:
        def __init__(self, path):
            with open(path, newline="") as file:
                self.rows = [(name, int(cents)) for name, cents in csv.reader(file)]

        def names(self):
            return sorted({name for name, _ in self.rows})

        def balance(self, name):
            return sum(cents for other, cents in self.rows if other != name)
    """)
LEDGER_TESTS = dedent("""\
    import pytest
    from ledger import Ledger

    @pytest.fixture
    def ledger(tmp_path):
        path = tmp_path / "book.csv"
        path.write_text("ann,5\\nbob,7\\nann,1\\n")
        return Ledger(path)

    def test_names(ledger):
        assert ledger.names() == ["ann", "bob"]

    def test_rows(ledger):
        assert len(ledger.rows) == 3

    @pytest.mark.parametrize(("name", "cents"), [("ann", 6), ("bob", 7), ("cid", 0)])
    def test_balance(ledger, name, cents):
        assert ledger.balance(name) == cents
    """)
STACK = dedent("""\
    class Stack:
        def __init__(self):
            self.items = []

        def push(self, item):
            self.items.append(item)

        def pop(self):
            return self.items.pop(0)

        def peek(self):
            return self.items[-1]
    """)
STACK_TESTS = dedent("""\
    import unittest
    from stack import Stack

    class StackTests(unittest.TestCase):
        def setUp(self):
            self.stack = Stack()
            for item in "abc":
                self.stack.push(item)

        def test_peek(self): self.assertEqual(self.stack.peek(), "c")

        def test_push(self): self.assertEqual(len(self.stack.items), 3)

        def test_pop(self): self.assertEqual(self.stack.pop(), "c")

        def test_pop_twice(self):
            self.stack.pop()
            self.assertEqual(self.stack.pop(), "b")

        def test_empty(self):
            for _ in range(3):
                self.stack.pop()
            self.assertRaises(IndexError, self.stack.pop)
    """)
SUITES = {  # name → text, tests, the line with the bug, the same mended
    "functions with parameters": ("roman", ROMAN, ROMAN_TESTS, "while number > value", "while number >= value"),
    "fixtures and files": ("ledger", LEDGER, LEDGER_TESTS, "if other != name", "if other == name"),
    "unittest cases": ("stack", STACK, STACK_TESTS, "pop(0)", "pop()"),
}


def run(folder: Path, rounds: int) -> list[Row]:
    """Each suite in turn, without the plugins that our own tests use."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return [row for title in SUITES for row in _suite(title, folder, rounds)]


def _suite(title: str, folder: Path, rounds: int) -> list[Row]:
    name, text, tests, bug, mended = SUITES[title]
    root = folder / name
    root.mkdir(parents=True)
    (root / f"{name}.py").write_text(text)
    (root / f"test_{name}.py").write_text(tests)
    file = f"{name}.py"
    wrong = [text.replace(bug, f"{bug} + 0 * {number}") for number in range(REFUSED)]
    right = [text.replace(bug, mended)] * CONFIRMED
    judge = _judge(root, name)
    try:
        figures = take_turns(
            rounds,
            refused=lambda: _rate(lambda one: judge.try_({file: one}).fixed == [], wrong),
            confirmed=lambda: _rate(lambda one: judge.try_({file: one}).passed, right),
            cold=lambda: _rate(lambda one: _cold(root, file, one), [text, *right][:COLD]),
        )
    finally:
        judge.close()
    tell(f"  {title}: candidates by rung {judge.tried}")
    cold = figures["cold"]
    return [
        Row(
            f"{title}: {what}",
            f"{figures[what]:,.0f}/s",
            f"{cold:.1f}/s",
            figures[what] / cold,
            TIMES if what == "refused" else None,
        )
        for what in ("refused", "confirmed")
    ]


def _judge(root: Path, name: str) -> Judge:
    """With the tests that fail as its targets, as a red gate would have found them."""
    first = Judge(str(root), [f"test_{name}.py"], [])
    asked = first.baseline()
    first.close()
    known = {test.id for test in asked.tests}
    out = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", f"test_{name}.py"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    targets = [line for line in out.splitlines() if "::" in line and line not in known]
    judge = Judge(str(root), [f"test_{name}.py"], targets)
    judge.baseline()
    return judge


def _rate(attempt: Callable[[str], bool], texts: list[str]) -> float:
    """Candidates a second; all of them have to be judged as they should."""
    began = time.perf_counter()
    judged = [attempt(one) for one in texts]
    assert all(judged)
    return len(texts) / (time.perf_counter() - began)


def _cold(root: Path, file: str, text: str) -> bool:
    """What a plain loop does; whatever it says."""
    before = (root / file).read_text()
    (root / file).write_text(text)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", f"test_{file}"],
        cwd=root,
        capture_output=True,
        check=False,
    )
    (root / file).write_text(before)
    return True
