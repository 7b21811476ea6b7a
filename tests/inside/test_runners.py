"""The runners as their users meet them: real sessions, every outcome that pytest and unittest know.

More interpreters can be named, `INSIDE_PYTHONS=/path/to/python3.8:/path/to/python3.13`, each with some pytest.
"""

import ast
import os
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from daemon.text.gates import Held, Passed, Refused, green, red
from tests.fakes.sessions import INSIDE, session, write

PYTHONS = [sys.executable, *filter(None, os.environ.get("INSIDE_PYTHONS", "").split(":"))]
SCRIPTS = sorted(INSIDE.glob("*.py"))
PROJECT = {
    "shop.py": "def total(prices):\n    return sum(prices[1:])\n",
    "tests/__init__.py": " ",
    "tests/test_all.py": dedent("""\
        import unittest
        import pytest
        import shop

        def test_total():
            print("printed")
            assert shop.total([1, 2]) == 3

        @pytest.mark.parametrize("x", ["a b", "\u00fc", "[", "::"])
        def test_parameter(x): pass

        def test_skipped(): pytest.skip("why")

        @pytest.mark.xfail
        def test_expected(): assert 0

        @pytest.mark.xfail
        def test_unexpected(): pass

        @pytest.mark.xfail(strict=True)
        def test_strict(): pass

        def test_imperative(): pytest.xfail("no")

        @pytest.fixture
        def broken(): raise ValueError("in a fixture")

        def test_set_up(broken): pass

        @pytest.fixture
        def late():
            yield
            raise ValueError("late")

        def test_torn_down(late): pass

        def test_without_plugin(mocker): pass

        class UnitTests(unittest.TestCase):
            def test_equal(self): self.assertEqual(shop.total([1, 2]), 3)

            def test_documented(self):
                \"\"\"It says what it does.\"\"\"

            @unittest.expectedFailure
            def test_expected(self): self.fail("so")

            @unittest.expectedFailure
            def test_unexpected(self): pass

            @unittest.skip("not now")
            def test_skipped(self): pass

            def test_parts(self):
                for i in range(3):
                    with self.subTest(i=i): self.assertNotEqual(i, 1)

            def test_parts_skipped(self):
                for i in range(3):
                    with self.subTest(i=i):
                        if i: self.skipTest("not this one")

            def test_parts_failed_and_skipped(self):
                for i in range(3):
                    with self.subTest(i=i):
                        if i: self.skipTest("not this one")
                        self.fail("so")

        class Unready(unittest.TestCase):
            @classmethod
            def setUpClass(cls): raise ValueError("not ready")

            def test_it(self): pass
        """),
    "tests/test_package.py": "import nothere\n",
    "tests/test_name.py": "from shop import cart\n",
    "tests/test_syntax.py": "def f(:\n",
    "tests/test_module_skipped.py": "import pytest\npytest.skip('later', allow_module_level=True)\n",
}
AS_PYTEST = {
    "test_total": "failed", "test_parameter[a b]": "passed", "test_parameter[\\xfc]": "passed",
    "test_parameter[[]": "passed", "test_parameter[::]": "passed", "test_skipped": "skipped",
    "test_expected": "xfailed", "test_unexpected": "xpassed", "test_strict": "failed", "test_imperative": "xfailed",
    "test_set_up": "error", "test_torn_down": "error", "test_without_plugin": "error",
    "UnitTests::test_equal": "failed", "UnitTests::test_documented": "passed", "UnitTests::test_expected": "xfailed",
    "UnitTests::test_unexpected": "failed", "UnitTests::test_skipped": "skipped", "UnitTests::test_parts": "failed",
    "UnitTests::test_parts_skipped": "skipped", "UnitTests::test_parts_failed_and_skipped": "failed",
    "Unready::test_it": "error",
}  # fmt: skip
AS_UNITTEST = {
    "test_equal": "failed", "test_documented": "passed", "test_expected": "xfailed", "test_unexpected": "failed",
    "test_skipped": "skipped", "test_parts": "failed", "test_parts_skipped": "skipped",
    "test_parts_failed_and_skipped": "failed",
}  # fmt: skip


@pytest.fixture(params=PYTHONS, ids=lambda python: Path(python).parent.parent.name)
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_pytest_sessions(tmp_path: Path, python: str) -> None:
    outcomes = session(write(tmp_path / "repository", PROJECT), "-v", "tests", python=python)
    assert outcomes.problems == []
    assert outcomes.meddling == []
    assert outcomes.is_complete
    assert {name.partition("::")[2]: each.status for name, each in outcomes.tests.items()} == AS_PYTEST
    failed = outcomes.tests["tests/test_all.py::test_total"]
    assert failed.message.startswith("AssertionError: assert 2 == 3")
    assert failed.cause is not None
    assert [(frame.file, frame.function) for frame in failed.cause.frames] == [("tests/test_all.py", "test_total")]
    of_unittest = outcomes.tests["tests/test_all.py::UnitTests::test_equal"].cause
    assert of_unittest is not None
    assert [frame.function for frame in of_unittest.frames] == ["test_equal"]
    assert "printed" in failed.output
    assert "assert shop.total" in failed.detail
    assert outcomes.tests["tests/test_all.py::test_expected"].marked
    assert not outcomes.tests["tests/test_all.py::test_imperative"].marked
    causes = {name: each.cause.type if each.cause else "" for name, each in outcomes.uncollected.items()}
    assert causes == {
        "tests/test_package.py": "ModuleNotFoundError",
        "tests/test_name.py": "ImportError",
        "tests/test_syntax.py": "SyntaxError",
        "tests/test_module_skipped.py": "Skipped",
    }


def test_unittest_sessions(tmp_path: Path, python: str) -> None:
    arguments = ("tests.test_all", "tests.test_package", "-v")
    outcomes = session(write(tmp_path / "repository", PROJECT), *arguments, runner="run_unittest.py", python=python)
    told = {name: each.status for name, each in outcomes.tests.items()}
    assert told == {f"{name} (tests.test_all.UnitTests)": status for name, status in AS_UNITTEST.items()}
    assert outcomes.labels["It says what it does."] == ["test_documented (tests.test_all.UnitTests)"]
    assert outcomes.meddling == []
    assert set(outcomes.uncollected) == {"setUpClass (tests.test_all.Unready)", "tests.test_package"}
    assert outcomes.problems == []


def test_the_verdicts_of_a_repair(tmp_path: Path, python: str) -> None:
    repository = write(tmp_path / "repository", PROJECT)
    target = "tests/test_all.py::test_total"
    held = red([session(repository, "tests", python=python)], [target])
    assert isinstance(held, Held)
    missing = red([session(repository, "tests", python=python)], ["tests/test_package.py::test_x"])
    assert missing == Refused("environment", "a package is missing: ModuleNotFoundError: No module named 'nothere'")
    without = red([session(repository, "tests", python=python)], ["tests/test_all.py::test_without_plugin"])
    assert without == Refused("environment", "a plugin is missing: there is no fixture 'mocker'")
    named = red([session(repository, "tests", python=python)], ["tests/test_name.py::test_x"])
    assert isinstance(named, Held)
    write(repository, {"shop.py": PROJECT["shop.py"].replace("prices[1:]", "prices")})
    assert green(held, session(repository, "tests", python=python)) == Passed([target], len(held.baseline))


@pytest.mark.parametrize("runner", ["run_pytest.py", "run_unittest.py"])
def test_an_unreadable_option_is_the_environments_fault(tmp_path: Path, runner: str) -> None:
    outcomes = session(write(tmp_path / "repository", PROJECT), "--no-such-option", runner=runner)
    verdict = red([outcomes], ["tests/test_all.py::test_total"])
    assert isinstance(verdict, Refused)
    assert verdict.verdict == "environment"
    assert "did not start" in verdict.cause
    assert "--no-such-option" in verdict.cause


@pytest.mark.parametrize(
    ("conftest", "verdict"),
    [
        ("import nothere\n", "environment"),
        ("import shop\nshop.nothere\n", "held"),
        ("import sys\nsys.exit(0)\n", "environment"),
    ],
)
def test_a_conftest_that_cannot_be_loaded(tmp_path: Path, conftest: str, verdict: str) -> None:
    repository = write(tmp_path / "repository", {**PROJECT, "conftest.py": conftest})
    found = red([session(repository, "tests")], ["tests/test_all.py::test_total"])
    assert (found.verdict if isinstance(found, Refused) else "held") == verdict, found


UNITTESTS = {
    "shop.py": PROJECT["shop.py"],
    "test_shop.py": dedent("""\
        import unittest
        import shop

        class ShopTests(unittest.TestCase):
            def test_a(self): self.assertEqual(shop.total([]), 0)
            def test_total(self): self.assertEqual(shop.total([1, 2]), 3)
        """),
}
UNITTEST_FORGERIES = {
    "exit at import": "import sys; sys.exit(0)\n",
    "hard exit": "import os; os._exit(0)\n",
    "an exit hook": "import atexit, os; atexit.register(os._exit, 0)\n",
    "the assertion replaced": "import unittest; unittest.TestCase.assertEqual = lambda *a: None\n",
    "the run replaced": "import unittest; unittest.TestCase.run = lambda *a: None\n",
    "the result replaced": "import unittest; unittest.TestResult.wasSuccessful = lambda self: True\n",
    "the case's name replaced": (
        "import unittest\nclass Case(unittest.TestCase):\n    assertEqual = print\nunittest.TestCase = Case\n"
    ),
    "printed passes": "print('test_total (test_shop.ShopTests) ... ok')\n",
}


@pytest.mark.parametrize("name", UNITTEST_FORGERIES)
def test_a_forged_unittest_result_is_not_green(tmp_path: Path, name: str) -> None:
    repository = write(tmp_path / "repository", UNITTESTS)
    held = red([session(repository, "test_shop", runner="run_unittest.py")], ["test_total (test_shop.ShopTests)"])
    assert isinstance(held, Held)
    write(repository, {"shop.py": UNITTEST_FORGERIES[name] + UNITTESTS["shop.py"]})
    assert not isinstance(green(held, session(repository, "test_shop", runner="run_unittest.py")), Passed)


@pytest.mark.parametrize("runner", ["run_pytest.py", "run_unittest.py"])
def test_a_repository_imports_its_own_of_what_the_runner_needed_first(tmp_path: Path, python: str, runner: str) -> None:
    """Whatever pytest imported for itself, a project that has a module of this name tests its own."""
    project = {
        "iniconfig/__init__.py": "from iniconfig.own import SOLD\n",
        "iniconfig/own.py": "SOLD = True\n",
        "queue.py": "SOLD = True\n",
        "packaging.py": "SOLD = True\n",
        "email/readme.txt": "no package",
        "test_own.py": dedent("""\
            import email.message, unittest
            import iniconfig, queue, packaging

            class OwnTests(unittest.TestCase):
                def test_own(self): self.assertTrue(iniconfig.SOLD and queue.SOLD and packaging.SOLD)
            """),
    }
    places = ("test_own.py",) if runner == "run_pytest.py" else ("test_own",)
    outcomes = session(write(tmp_path / "repository", project), *places, runner=runner, python=python)
    assert [each.status for each in outcomes.tests.values()] == ["passed"], outcomes
    assert (outcomes.problems, outcomes.meddling) == ([], [])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_scripts_are_python_3_6(script: Path) -> None:
    """By their grammar; sessions on old interpreters show the rest."""
    ast.parse(script.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_scripts_stand_on_the_standard_library(script: Path) -> None:
    tree = ast.walk(ast.parse(script.read_text()))
    names = {name for node in tree for name in imported(node)}
    beside = {script.stem for script in SCRIPTS}
    assert names <= {*sys.stdlib_module_names, *beside, "pytest", "_pytest"}


def imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name.partition(".")[0] for alias in names]
        case ast.ImportFrom(module=str(module)):
            return [module.partition(".")[0]]
        case _:
            return []


def test_the_secret_is_gone_before_the_tests_run(tmp_path: Path) -> None:
    seen = {"test_x.py": "import glob\n\ndef test_x():\n    assert glob.glob('../*/secret') == []\n"}
    outcomes = session(write(tmp_path / "repository", seen), "test_x.py")
    assert [each.status for each in outcomes.tests.values()] == ["passed"]


def test_a_report_that_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    repository = write(tmp_path / "repository", UNITTESTS)
    (tmp_path / "repository-report").mkdir()
    (tmp_path / "repository-report" / "report.jsonl").symlink_to(tmp_path / "elsewhere")
    assert session(repository, "test_shop.py").tests
    assert not (tmp_path / "elsewhere").exists()
