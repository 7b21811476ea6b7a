"""The judge, with real forks of a real session: what it says of candidates, and that none of them hurts it.

More interpreters can be named, as for the runners: `INSIDE_PYTHONS=/path/to/python3.8:…`; they run the same questions.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from daemon.inside.search.judge import Judge
from daemon.inside.search.verdicts import Baseline
from tests.fakes.sessions import standing_in, write

PYTHONS = list(filter(None, os.environ.get("INSIDE_PYTHONS", "").split(":")))
INSIDE = Path(__file__).parents[3] / "daemon" / "inside" / "search"
SHOP = dedent("""\
    import builtins, ctypes, itertools, os, signal, subprocess, sys, threading, time

    TABLE = [1, 2]
    RATE = 2


    def total(prices):
        return sum(prices[1:])


    def count(prices):
        return len(prices)


    def doubled(price):
        return price * RATE


    DOUBLED = doubled(1)


    class Cart:
        size = 1

        def first(self, prices):
            return prices[0]
    """)
TESTS = dedent("""\
    import pytest
    import shop
    from shop import RATE, Cart, count

    def test_count(): assert count([1, 2]) == 2

    def test_table(tmp_path):
        assert shop.TABLE == [1, 2]
        assert open("data.txt").read() == "data"
        (tmp_path / "x").write_text("x")

    def test_cart(): assert Cart().first([5, 6]) == 5

    def test_doubled(): assert shop.doubled(2) == 4 and RATE == 2

    @pytest.mark.skip
    def test_skipped(): pass

    def test_broken_before(): assert False

    @pytest.mark.parametrize("prices", [[1, 2], [3]])
    def test_total(prices): assert shop.total(prices) == (3 if len(prices) == 2 else 3)

    def test_parts():
        assert count([]) == 0
        for price in (0, 1):
            assert shop.total([0, price]) == price
        assert shop.total([1, 1]) == 2
    """)
FILES = {"shop.py": SHOP, "data.txt": "data", "test_shop.py": TESTS}
TARGETS = ["test_shop.py::test_total[prices0]", "test_shop.py::test_total[prices1]", "test_shop.py::test_parts"]
MENDED = SHOP.replace("prices[1:]", "prices")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("judge") / "shop", FILES)


@pytest.fixture(scope="module", autouse=True)
def _plain() -> Iterator[None]:
    """Without the plugins that our own tests use: one of them shuffles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        yield


@pytest.fixture(scope="module")
def judge(shop: Path) -> Iterator[Judge]:
    made = Judge(str(shop), ["test_shop.py"], TARGETS)
    yield made
    made.close()
    assert standing_in(shop) == []


@pytest.fixture(scope="module")
def baseline(judge: Judge) -> Baseline:
    return judge.baseline()


@pytest.mark.usefixtures("baseline")
class TestVerdicts:
    def test_the_fix_passes(self, judge: Judge) -> None:
        verdict = judge.try_({"shop.py": MENDED})
        assert (verdict.passed, sorted(verdict.fixed), verdict.broken) == (True, sorted(TARGETS), [])

    def test_a_fix_of_some_targets_says_which(self, judge: Judge) -> None:
        verdict = judge.try_({"shop.py": SHOP.replace("prices[1:]", "prices[-1:]")})
        assert (verdict.passed, verdict.fixed) == (False, [TARGETS[1]])

    def test_what_breaks_another_test_says_which(self, judge: Judge) -> None:
        verdict = judge.try_({"shop.py": MENDED.replace("len(prices)", "len(prices) + 1")})
        assert (verdict.passed, verdict.broken) == (False, ["test_shop.py::test_count"])

    @pytest.mark.parametrize("text", ["def f(:\n", "\0", "", "import nothere\n", "x = " + "(" * 2000])
    def test_what_is_no_program_or_another_one_fails(self, judge: Judge, text: str) -> None:
        assert not judge.try_({"shop.py": text}).passed

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("RATE = 2", "RATE = 3"),
            ("TABLE = [1, 2]", "TABLE = [1]"),
            ("size = 1", "def first(self, prices):\n        return 7\n    first2 = first"),
            ("def count(prices):", "def count(prices=()):\n    return 9\n\n\ndef other(prices):"),
        ],
    )
    def test_a_change_outside_of_bodies_counts(self, judge: Judge, old: str, new: str) -> None:
        """A constant that was imported by name, a class's members, a signature: each breaks a test, or none."""
        broken = judge.try_({"shop.py": MENDED.replace(old, new, 1)})
        is_shadowed = "first2" in new
        assert broken.passed == is_shadowed
        assert bool(broken.broken) != is_shadowed

    def test_what_ran_at_import_runs_anew(self, judge: Judge) -> None:
        worse = MENDED.replace("price * RATE", "price * 1 / 0")
        assert not judge.try_({"shop.py": worse}).passed
        assert judge.try_({"shop.py": MENDED.replace("price * RATE", "RATE * price")}).passed

    def test_lower_rungs_can_be_left_out(self, judge: Judge) -> None:
        judge.tried.clear()
        assert [judge.try_({"shop.py": SHOP + "\n"}, rung).passed for rung in (1, 2, 3)] == [False] * 3
        assert [judge.try_({"shop.py": MENDED}, rung).passed for rung in (1, 2, 3)] == [True] * 3
        assert judge.tried == {1: 1, 2: 1, 3: 4}


def test_who_measures_again_keeps_one_server(tmp_path: Path) -> None:
    place = write(tmp_path / "shop", FILES)
    judge = Judge(str(place), ["test_shop.py"], TARGETS)
    judge.measure()
    first = standing_in(place)
    judge.measure()
    assert len(standing_in(place)) == len(first) > 0
    judge.close()


def test_the_baseline_says_what_each_test_executes(baseline: Baseline) -> None:
    tests = {test.id.partition("::")[2]: test for test in baseline.tests}
    line = SHOP.splitlines().index("    return sum(prices[1:])") + 1
    assert {name for name, test in tests.items() if not test.passed} == {name.partition("::")[2] for name in TARGETS}
    assert {"test_skipped", "test_broken_before"} & set(tests) == set()
    assert tests["test_total[prices0]"].executed == {"shop.py": {line}}
    assert tests["test_total[prices0]"].error.startswith("AssertionError")
    assert line not in tests["test_count"].executed["shop.py"]
    assert 3 in baseline.imported["shop.py"]


def test_a_failing_test_is_told_assert_by_assert(baseline: Baseline) -> None:
    """Five asserts run; only the last one fails, so that its lines stand out against the four others'."""
    parts = [part for part in baseline.parts if part.id.startswith(TARGETS[2])]
    assert [part.passed for part in parts] == [True, True, True, False]


RUDE = {
    "an endless loop": "while True: pass",
    "a loop that swallows": "while True:\n        try: time.time()\n        except BaseException: pass",
    "an endless call in C": "sum(itertools.count())",
    "a hard exit": "os._exit(0)",
    "an exit": "sys.exit(0)",
    "a crash": "ctypes.string_at(0)",
    "the server killed, and who takes its place": (  # and nobody of this machine after them
        "while b'run.py' in open(f'/proc/{os.getppid()}/cmdline', 'rb').read(): os.kill(os.getppid(), 9)"
    ),
    "four gigabytes": "bytearray(4 << 30)",
    "a builtin replaced": "builtins.len = lambda _: 7",
    "the tests removed": "os.remove('test_shop.py'); os.remove('data.txt'); sys.exit(1)",
}
HARMLESS = {
    "a thread that stays": "threading.Thread(target=threading.Event().wait).start()",
    "state of the module": "globals().setdefault('SEEN', []).append(len(prices))",
    "files written": "open('left', 'w').write('x'); os.mkdir(f'd{time.time()}'); open('shop.py', 'w').write('x')",
    "a child that stays": "subprocess.Popen(['sleep', '1000'], start_new_session=True)",
    "a fork that stays": "os.fork() or time.sleep(1000)",
    "a fork that goes on": "if os.fork(): os.wait()",
    "descriptors closed": "os.closerange(3, 2000)",
    "signals ignored": "[signal.signal(each, signal.SIG_IGN) for each in range(1, 32) if each not in (9, 19)]",
    "signals blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))",
    "a flood": "[os.write(1, b'x' * 65536) for _ in range(100)]; print('x' * 10**6)",
    "another folder": "os.chdir('/')",
}


def _with(code: str, text: str) -> dict[str, str]:
    return {"shop.py": text.replace("    return sum", f"    {code}\n    return sum")}


@pytest.mark.usefixtures("baseline")
@pytest.mark.parametrize("name", [*RUDE, *HARMLESS])
def test_no_candidate_hurts_the_search(shop: Path, judge: Judge, name: str) -> None:
    """Rude and wrong: it fails. Rude but mended: it passes where a person would say so. The next ones meet nothing."""
    verdict = judge.try_(_with({**RUDE, **HARMLESS}[name], MENDED))
    assert verdict.passed == (name in HARMLESS), verdict
    if name in HARMLESS:
        assert not judge.try_(_with(HARMLESS[name], SHOP)).passed
    assert verdict.hung == name.startswith(("an endless", "a loop"))
    assert judge.try_({"shop.py": MENDED}).passed
    assert not judge.try_({"shop.py": SHOP.replace("prices[1:]", "prices[2:]")}).passed
    assert {path.name: path.read_text() for path in shop.iterdir()} == FILES
    assert [pid for pid, words in standing_in(shop) if "sleep" in words] == []


UNITTESTS = dedent("""\
    import unittest
    import shop

    class ShopTests(unittest.TestCase):
        @classmethod
        def setUpClass(cls): cls.prices = [1, 2]

        def test_total(self): self.assertEqual(shop.total(self.prices), 3)

        def test_count(self): self.assertEqual(shop.count(self.prices), 2)
    """)


def test_unittest_is_judged_as_well(tmp_path: Path) -> None:
    target = "test_total (test_units.ShopTests)"
    write(tmp_path, {"shop.py": SHOP, "test_units.py": UNITTESTS})
    judge = Judge(str(tmp_path), ["test_units"], [target], "unittest")
    try:
        assert {test.id: test.passed for test in judge.baseline().tests}[target] is False
        assert judge.try_({"shop.py": MENDED}).fixed == [target]
        assert judge.try_({"shop.py": MENDED.replace("len(prices)", "9")}).broken == [
            "test_count (test_units.ShopTests)"
        ]
        assert judge.try_({"shop.py": MENDED.replace("RATE = 2", "RATE = 2 + 1")}).passed
    finally:
        judge.close()


def test_what_a_server_used_is_not_given_back_when_it_ends(tmp_path: Path) -> None:
    """Else a candidate that kills it would have bought the search more time."""
    write(tmp_path, {"shop.py": SHOP, "test_units.py": UNITTESTS})
    judge = Judge(str(tmp_path), ["test_units"], ["test_total (test_units.ShopTests)"], "unittest")
    began = judge.processor_s()
    judge.measure()
    used = judge.processor_s() - began
    judge.close()
    assert judge.processor_s() - began >= used > 0


LIKE_DJANGO = {
    "shop.py": SHOP,
    "django/__init__.py": "# stands in for the framework\n",
    "django/test/__init__.py": "# the same\n",
    "django/test/runner.py": dedent("""\
        import unittest

        class DiscoverRunner:
            test_runner = unittest.TextTestRunner

            def setup_databases(self):
                import shop
                shop.TABLE.append(shop.count([1]))  # it is no import, and tests need it

            def run_tests(self, labels):
                tests = unittest.defaultTestLoader.loadTestsFromNames(labels)
                self.setup_databases()
                return self.test_runner(verbosity=2).run(tests)
        """),
    "tests/runtests.py": dedent("""\
        import sys
        from django.test.runner import DiscoverRunner

        if __name__ == "__main__":
            DiscoverRunner().run_tests(sys.argv[1:])
        """),
    "tests/units.py": dedent("""\
        import unittest
        import shop

        class ShopTests(unittest.TestCase):
            def test_total(self): self.assertEqual(shop.total([1, 2]), 3)

            def test_count(self):
                \'\'\'Counts what was set up.\'\'\'
                self.assertEqual(shop.count(shop.TABLE), 3)
        """),
}


def test_the_tests_of_django_s_own_script_are_judged_as_well(tmp_path: Path) -> None:
    """By the names that its log has; what is set up before them is not taken for what runs at import."""
    write(tmp_path, LIKE_DJANGO)
    case = "test_total (units.ShopTests.test_total)" if sys.version_info >= (3, 11) else "test_total (units.ShopTests)"
    judge = Judge(str(tmp_path), ["tests/runtests.py", "units"], [case], "django")
    try:
        baseline = judge.baseline()
        assert {test.id: test.passed for test in baseline.tests} == {case: False, "Counts what was set up.": True}
        assert SHOP.splitlines().index("    return len(prices)") + 1 not in baseline.imported["shop.py"]
        assert judge.try_({"shop.py": MENDED}).passed
        assert judge.try_({"shop.py": MENDED.replace("len(prices)", "9")}).broken == ["Counts what was set up."]
    finally:
        judge.close()


QUESTIONS = """\
import json, sys
sys.path.insert(0, sys.argv[1])
import run
run.load()
from mendd_search.judge import Judge
told = json.load(open(sys.argv[2]))
judge = Judge(told["root"], ["test_shop.py"], told["targets"])
executed = {test.id: {path: sorted(lines) for path, lines in test.executed.items()} for test in judge.baseline().tests}
print(json.dumps([executed, [judge.try_({"shop.py": text}).passed for text in told["texts"]]]))
judge.close()
"""


@pytest.mark.parametrize("python", PYTHONS or [sys.executable], ids=lambda python: Path(python).parent.parent.name)
def test_every_interpreter_says_the_same(tmp_path: Path, python: str, baseline: Baseline) -> None:
    if python == sys.executable:
        pytest.skip("name other interpreters with some pytest in INSIDE_PYTHONS")
    write(tmp_path / "shop", FILES)
    texts = [MENDED, SHOP, MENDED.replace("RATE = 2", "RATE = 3"), _with("os._exit(0)", MENDED)["shop.py"]]
    told = {"root": str(tmp_path / "shop"), "targets": TARGETS, "texts": texts}
    (tmp_path / "told.json").write_text(json.dumps(told))
    command = [python, "-c", QUESTIONS, str(INSIDE), str(tmp_path / "told.json")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.stderr == ""
    executed, passed = json.loads(said.stdout)
    assert passed == [True, False, False, False]
    assert executed == {
        test.id: {path: sorted(lines) for path, lines in test.executed.items()} for test in baseline.tests
    }


FIXTURES = {
    "book.py": """\
import csv

SEEN = []


class Book:
    def __init__(self, path):
        with open(path, newline="") as file:
            self.rows = [(name, int(cents)) for name, cents in csv.reader(file)]

    def balance(self, name):
        SEEN.append(name)
        return sum(cents for other, cents in self.rows if other != name)
""",
    "test_book.py": """\
import pytest
from book import Book, SEEN

@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.csv"
    path.write_text("ann,5\\nbob,7\\nann,1\\n")
    return Book(path)

@pytest.mark.parametrize(("name", "cents"), [("ann", 6), ("bob", 7)])
def test_balance(book, name, cents):
    assert book.balance(name) == cents
    assert SEEN.count(name) == 1
""",
}


def test_fixtures_and_what_tests_change_need_no_fork(tmp_path: Path) -> None:
    """Candidates of tests with files of their own, which leave something in a module, stay on the lowest rung."""
    write(tmp_path, FIXTURES)
    judge = Judge(
        str(tmp_path), ["test_book.py"], [f"test_book.py::test_balance[{name}]" for name in ("ann-6", "bob-7")]
    )
    try:
        assert [test.passed for test in judge.baseline().tests] == [False, False]
        text = FIXTURES["book.py"]
        for number in range(20):
            assert judge.try_({"book.py": text.replace("!= name", f"> name * {number}")}).fixed == []
        assert judge.tried == {1: 20}
        mended = text.replace("other != name", "other == name")
        assert judge.try_({"book.py": mended}).passed
        assert not judge.try_({"book.py": mended.replace("SEEN = []", "SEEN = ['ann', 'bob']")}).fixed
        assert judge.try_({"book.py": mended}).passed
    finally:
        judge.close()
