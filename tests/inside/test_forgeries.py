"""Small hostile repositories, really run: what tries to look mended without being so is not judged green.

Each is the same little project with its bug left in, and a change that tries to turn the verdict instead of the code.
Tests and configuration are not restored before judging, as a gate would: this shows what the runner alone sees.
"""

from pathlib import Path
from textwrap import dedent

import pytest

from daemon.text.gates import Held, NotPassed, Passed, green, red
from tests.fakes.sessions import session, write

TARGET = "tests/test_shop.py::test_total"
PROJECT = {
    "shop.py": "def total(prices):\n    return sum(prices[1:])\n\ndef count(prices):\n    return len(prices)\n",
    "tests/test_shop.py": dedent("""\
        import shop

        def test_before():
            assert shop.count([]) == 0

        def test_total():
            assert shop.total([1, 2]) == 3

        def test_count():
            assert shop.count([1, 2]) == 2
        """),
}
MENDED = {"shop.py": PROJECT["shop.py"].replace("prices[1:]", "prices")}


def shop(code: str) -> dict[str, str]:
    """The buggy module, with more code in it."""
    return {"shop.py": dedent(code) + PROJECT["shop.py"]}


def in_count(code: str) -> dict[str, str]:
    """The buggy module, with code that runs while the first test does."""
    body = "".join(f"    {line}\n" for line in dedent(code).strip().splitlines())
    return {"shop.py": PROJECT["shop.py"].replace("    return len", f"{body}    return len")}


def before_sum(code: str) -> str:
    return PROJECT["shop.py"].replace("    return sum", f"    {code}\n    return sum")


def conftest(code: str) -> dict[str, str]:
    return {"conftest.py": dedent(code)}


def suite(code: str) -> dict[str, str]:
    """The tests, changed: what restoring them prevents is seen even so."""
    return {"tests/test_shop.py": dedent(code)}


FAKE_LINE = '{"kind": "test", "id": "tests/test_shop.py::test_total", "status": "passed", "seal": "0"}'
FORGERIES = {
    "exit at import": shop("import sys; sys.exit(0)\n"),
    "hard exit at import": shop("import os; os._exit(0)\n"),
    "hard exit in a test": in_count("import os; os._exit(0)"),
    "exit in a test": in_count("import sys; sys.exit(0)"),
    "an exit hook": shop("import atexit, os; atexit.register(os._exit, 0)\n"),
    "exit from a thread": shop("import os, threading; threading.Timer(0, os._exit, (0,)).start()\n"),
    "killed by itself": in_count("import os; os.kill(os.getpid(), 9)"),
    "printed passes": in_count(f"print('PASSED {TARGET}'); print('1 passed in 0.1s')"),
    "printed report lines": in_count(f"import sys; sys.__stdout__.write('''{FAKE_LINE}\\n'''); sys.__stdout__.flush()"),
    "written to the report": in_count(
        f"""
        import sys, glob
        for name in glob.glob('../*/report.jsonl'):
            with open(name, 'a') as file: file.write('''{FAKE_LINE}''' + chr(10))
        """
    ),
    "the report replaced": in_count(
        """
        import glob, os
        for name in glob.glob('../*/report.jsonl'):
            text = open(name).read(); os.unlink(name)
            with open(name, 'w') as file: file.write(text.replace('failed', 'passed'))
        """
    ),
    "the report cut": in_count("import glob\nfor name in glob.glob('../*/report.jsonl'): open(name, 'w').close()"),
    "the report's descriptors": in_count(
        f"""
        import os
        for number in range(3, 400):
            try: os.write(number, b'''{FAKE_LINE}''' + bytes([10]))
            except OSError: pass
        """
    ),
    "pytest's reports replaced": shop(
        """
        import _pytest.reports
        made = _pytest.reports.TestReport.from_item_and_call
        def forged(item, call):
            call.excinfo = None
            return made(item, call)
        _pytest.reports.TestReport.from_item_and_call = staticmethod(forged)
        """
    ),
    "pytest's call replaced": shop("import _pytest.python; _pytest.python.Function.runtest = lambda self: None\n"),
    "pytest's code replaced": shop(
        "import _pytest.python; _pytest.python.Function.runtest.__code__ = (lambda self: None).__code__\n"
    ),
    "pytest's main replaced": shop("import pytest; pytest.main = lambda *a, **k: 0\n"),
    "a builtin replaced": shop(
        "import builtins\nclass Sum(int):\n    __eq__ = lambda *_: True\nbuiltins.sum = lambda *_: Sum()\n"
    ),
    "a hook that makes a pass of it": conftest(
        """
        import pytest
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            made = yield
            made.get_result().outcome = 'passed'
        """
    ),
    "a hook that forgets the exception": conftest(
        """
        import pytest
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            call.excinfo = None
            yield
        """
    ),
    "a hook that calls no test": conftest("def pytest_pyfunc_call(pyfuncitem): return True\n"),
    "a hook that runs nothing": conftest("def pytest_runtestloop(session): return True\n"),
    "a hook that deselects": conftest("def pytest_collection_modifyitems(items): items[:] = items[:1]\n"),
    "a hook that ends well": conftest(
        "def pytest_sessionfinish(session): session.exitstatus = 0; session.testsfailed = 0\n"
    ),
    "our plugin unregistered": conftest(
        """
        def pytest_configure(config):
            manager = config.pluginmanager
            for plugin in list(manager.get_plugins()):
                if type(plugin).__name__ == 'Recorder': manager.unregister(plugin)
        """
    ),
    "a conftest that exits": conftest("import sys; sys.exit(0)\n"),
    "a plugin named in the ini file": {
        "pytest.ini": "[pytest]\naddopts = -p cheat\n",
        "cheat.py": "def pytest_pyfunc_call(pyfuncitem): return True\n",
    },
    "a plugin named in the ini file that replaces": {
        "pytest.ini": "[pytest]\naddopts = -p helper\n",
        "helper.py": "import _pytest.python; _pytest.python.Function.runtest = lambda self: None\n",
    },
    "another iniconfig": {
        "pytest.ini": "[pytest]\n",
        "iniconfig.py": dedent("""\
            class ParseError(Exception): pass
            SectionWrapper = dict
            class IniConfig(dict):
                def __init__(self, *_):
                    super().__init__(pytest={})
                    import _pytest.python; _pytest.python.Function.runtest = lambda self: None
            """),
    },
    "options that only collect": {"pytest.ini": "[pytest]\naddopts = --collect-only\n"},
    "options that deselect": {"pytest.ini": "[pytest]\naddopts = -k 'not total'\n"},
    "tests deleted": suite("import shop\ndef test_before(): pass\ndef test_count(): pass\n"),
    "no tests at all": suite("import shop\n"),
    "the module skipped": suite("import pytest; pytest.skip('later', allow_module_level=True)\n"),
    "skipped from the source": {
        "shop.py": before_sum("import pytest; pytest.skip('later')")
    },
    "xfailed from the source": {
        "shop.py": before_sum("import pytest; pytest.xfail('so')")
    },
    "unittest's skip from the source": {
        "shop.py": before_sum("import unittest; raise unittest.SkipTest")
    },
    "exit in a fixture": conftest(
        "import pytest\n@pytest.fixture(autouse=True)\ndef leave():\n    raise SystemExit(0)\n    yield\n"
    ),
    "pytest's own exit": in_count("import pytest; pytest.exit('done', returncode=0)"),
    "another pytest": {"pytest.py": "def main(*a, **k): return 0\ndef hookimpl(**k): return lambda f: f\n"},
    "sitecustomize": {"sitecustomize.py": "import pytest\npytest.main = lambda *a, **k: 0\n"},
    "an endless loop": in_count("while True: pass"),
    "an endless import": shop("while True: pass\n"),
}  # fmt: skip
ENDLESS_SECONDS = 3.0


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    repository = write(tmp_path_factory.mktemp("red") / "repository", PROJECT)
    verdict = red([session(repository, "tests")], [TARGET])
    assert isinstance(verdict, Held)
    return verdict


def judged(tmp_path: Path, change: dict[str, str], held: Held, seconds: float = 60.0) -> Passed | NotPassed:
    repository = write(write(tmp_path / "repository", PROJECT), change)
    return green(held, session(repository, "tests", seconds=seconds))


def test_a_real_fix_is_green(tmp_path: Path, held: Held) -> None:
    verdict = judged(tmp_path, MENDED, held)
    assert isinstance(verdict, Passed), verdict
    assert (verdict.fixed, verdict.kept) == ([TARGET], 2)


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_result_is_not_green(tmp_path: Path, held: Held, name: str) -> None:
    seconds = ENDLESS_SECONDS if "endless" in name else 60.0
    verdict = judged(tmp_path, FORGERIES[name], held, seconds)
    assert isinstance(verdict, NotPassed), name
    assert verdict.message
    assert (verdict.failure == "timeout") == ("endless" in name)


BY_NAMES = {
    "shop.py": PROJECT["shop.py"],
    "tests/test_shop.py": dedent("""\
        import unittest
        import shop
        import pytest

        def test_raises():
            with pytest.raises(TypeError): shop.total([None])

        def test_approx():
            assert shop.total([1, 2]) == pytest.approx(3)

        @pytest.mark.slow
        def test_mark():
            assert shop.total([1, 2]) == 3

        class ShopTests(unittest.TestCase):
            def test_case(self): self.assertEqual(shop.total([1, 2]), 3)

        def test_count():
            assert shop.count([1, 2]) == 2
        """),
}
NAMES_REPLACED = {
    "test_raises": "import contextlib, pytest\npytest.raises = lambda *a, **k: contextlib.suppress(Exception)\n",
    "test_approx": "import pytest\nclass Any:\n    __eq__ = lambda *_: True\npytest.approx = lambda *_: Any()\n",
    "test_mark": "import pytest\nclass Marks:\n    slow = lambda *_: lambda: None\npytest.mark = Marks()\n",
    "ShopTests::test_case": dedent("""\
        import unittest
        class Case(unittest.TestCase):
            def assertEqual(self, *_): pass
        unittest.TestCase = Case
        """),
}


@pytest.mark.parametrize("name", NAMES_REPLACED)
def test_a_name_that_tests_look_up_is_not_replaced_unseen(tmp_path: Path, name: str) -> None:
    repository = write(tmp_path / "repository", BY_NAMES)
    held = red([session(repository, "tests")], [f"tests/test_shop.py::{name}"])
    assert isinstance(held, Held)
    write(repository, {"shop.py": NAMES_REPLACED[name] + BY_NAMES["shop.py"]})
    verdict = green(held, session(repository, "tests"))
    assert isinstance(verdict, NotPassed)
    assert "was replaced" in verdict.message
    mended = MENDED["shop.py"] + "import pytest, unittest\npytest.own = unittest.own = unittest.mock, print\n"
    write(repository, {"shop.py": mended.replace("return sum(prices)", "return sum(map(int, prices))")})
    assert isinstance(green(held, session(repository, "tests")), Passed)  # a name may be added


def test_an_xfail_from_the_source_is_no_fix_whatever_the_mark(tmp_path: Path) -> None:
    """A mark whose condition is false is a mark all the same; one in force keeps what it excused."""
    marked = PROJECT["tests/test_shop.py"].replace("import shop\n", "import shop, pytest\n")
    for name, condition in (("test_total", "False, reason='other'"), ("test_before", "")):
        marked = marked.replace(f"def {name}", f"@pytest.mark.xfail({condition})\ndef {name}")
    marked = marked.replace("shop.count([]) == 0", "shop.count([]) == 1")
    repository = write(tmp_path / "repository", {**PROJECT, "tests/test_shop.py": marked})
    held = red([session(repository, "tests")], [TARGET])
    assert isinstance(held, Held)
    write(repository, FORGERIES["xfailed from the source"])
    verdict = green(held, session(repository, "tests"))
    assert isinstance(verdict, NotPassed)
    assert "xfailed: XFailed: so" in verdict.message
    write(repository, MENDED)
    assert green(held, session(repository, "tests")) == Passed([TARGET], 2)


HARMLESS = {
    "a thread that stays": "import threading\nthreading.Thread(target=threading.Event().wait).start()",
    "another working folder": "import os; os.chdir('/')",
    "descriptors closed": "import os; os.closerange(100, 1000)",
    "descriptors closed and taken": "import os; os.closerange(100, 999); [os.open('/dev/null', 1) for _ in range(300)]",
    "a fork that goes on": "import os\nif os.fork(): os.wait()",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_rude_but_mended_code_is_green(tmp_path: Path, held: Held, name: str) -> None:
    """What only makes a mess does not make the runner lose count. (pytest needs its low descriptors.)"""
    fixed = in_count(HARMLESS[name])["shop.py"].replace("prices[1:]", "prices")
    repository = write(tmp_path / "repository", {**PROJECT, "shop.py": fixed})
    verdict = green(held, session(repository, "tests"))
    assert isinstance(verdict, Passed), verdict


def test_assertions_left_out_are_seen(tmp_path: Path, held: Held) -> None:
    repository = write(tmp_path / "repository", {**PROJECT, **MENDED})
    verdict = green(held, session(repository, "tests", flags=("-O",)))
    assert isinstance(verdict, NotPassed)
    assert "-O" in verdict.message


UNDECIDABLE = {
    "a value equal to everything": {
        "shop.py": PROJECT["shop.py"].replace(
            "return sum(prices[1:])", "return type('Any', (int,), {'__eq__': lambda *_: True})()"
        )
    },
    "the answer written into the code": {
        "shop.py": PROJECT["shop.py"].replace("return sum(prices[1:])", "return 3")
    },
    "the runner found in memory": in_count(
        """
        import gc
        runner = next(each for each in gc.get_objects() if type(each).__name__ == 'Recorder')
        type(runner).pytest_runtest_makereport.__code__
        raised = runner.pytest_runtest_logreport.__func__.__globals__
        raised['_fold'] = lambda phases: ('passed', None)
        import pytest
        state = next(each for each in gc.get_objects() if type(each).__name__ == 'Report' and hasattr(each, '_state'))
        end = state.end
        state.end = lambda status: end(0)
        """
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNDECIDABLE)
def test_what_no_runner_can_tell(tmp_path: Path, held: Held, name: str) -> None:
    """Known limits, shown so that nobody believes otherwise; what else stands against them: decision 12."""
    assert isinstance(judged(tmp_path, UNDECIDABLE[name], held), Passed)
