"""The repository's tests, collected once by pytest, unittest or Django, so that forks of this process can run some.

All suites look the same: `ids`, `run`, `direct`. How a fork is made, and what the results mean, is not said here.
"""

import inspect
import os
import runpy
import sys
import unittest
from typing import Any, Callable, Generator, Iterator, List, NamedTuple, Optional, Sequence
from unittest.util import strclass

ALL_OF_THEM = ["--maxfail=0", "--continue-on-collection-errors"]
QUIET = ["-p", "no:cacheprovider", "--capture=no", "--tb=native"]  # what is captured or formatted, nobody reads
IF_LOADED = {"xdist": "-n0", "pytest_cov": "--no-cov"}  # other processes; a tracer beside ours
MARKS_THAT_DECIDE = {"skip", "skipif", "xfail", "usefixtures"}
OF_CLASS_FIXTURES = "unittest_setUpClass_fixture"  # pytest makes one for every class; most call nothing
CLASS_FIXTURES = ("setUpClass", "tearDownClass")
MODULE_FIXTURES = ("setUpModule", "tearDownModule")

Call = Callable[[], Any]


class Heard(NamedTuple):
    """Who listens while tests run."""

    begin: Callable[[int], None]
    end: Callable[[int, bool, Optional[BaseException]], None]  # the test, whether it passed, and what it raised


def collect(
    runner: str, places: Sequence[str], serve: Callable[[Any], None], imported: Callable[[], None] = lambda: None
) -> None:
    """Collect the tests of these places, and hand them over; what it says of an end is nobody's business.

    `imported` is called where all modules are there, and more has to be made before tests can run.
    """
    if runner == "unittest":
        _collect_unittest(places, serve)
    elif runner == "django":
        _collect_django(places, serve, imported)
    else:
        _collect_pytest(places, serve)


# pytest


def _collect_pytest(places: Sequence[str], serve: Callable[[Any], None]) -> None:
    import pytest  # noqa: PLC0415  only now stands the repository on the path, as under `python -m pytest`

    outermost = pytest.hookimpl(hookwrapper=True, tryfirst=True)

    class Collector:
        """Serves in the place of the loop that would run the tests."""

        @outermost
        def pytest_load_initial_conftests(self, early_config: Any, args: List[str]) -> Generator[None, Any, None]:
            args += [more for plugin, more in IF_LOADED.items() if early_config.pluginmanager.hasplugin(plugin)]
            early_config.known_args_namespace.no_cov = True  # it is read before these arguments are
            yield

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session: Any) -> bool:
            suite = PytestSuite(session)
            session.config.pluginmanager.register(_listener(suite))
            serve(suite)
            return True

    pytest.main([*ALL_OF_THEM, *places, *QUIET], plugins=[Collector()])


class PytestSuite:
    """The items of a session."""

    def __init__(self, session: Any) -> None:
        self.items = list(session.items)
        self.ids = [_clean(item.nodeid) for item in self.items]
        self.failed = False
        self.called = False
        self.raised: Optional[BaseException] = None
        for kind in {type(item) for item in self.items}:
            kind.repr_failure = kind._repr_failure_py = _say_nothing

    def run(self, numbers: Sequence[int], heard: Heard) -> None:
        """Run these tests, in this order, with everything that pytest does around them."""
        chosen = [self.items[number] for number in numbers]
        for number, item, following in zip(numbers, chosen, [*chosen[1:], None]):
            self.failed = self.called = False
            self.raised = None
            heard.begin(number)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            heard.end(number, self.called and not self.failed, self.raised)

    def see(self, report: Any) -> None:
        """Take a phase in. A pass is what the house counts as one: xfail only where the test itself asks for it."""
        if report.outcome == "rerun":
            self.failed = self.called = False
        elif report.outcome == "failed":
            self.failed = True
        elif report.outcome == "passed":
            self.called |= report.when == "call"
        else:
            self.called |= getattr(report, "wasxfail", None) is not None and self.marked

    marked = False

    def direct(self, number: int) -> Optional[Call]:
        """The bare call of the test where pytest adds nothing to it, else with its fixtures, and nobody listening."""
        item = self.items[number]
        function = inspect.unwrap(item.function) if hasattr(item, "function") else None
        if hasattr(function, "hypothesis"):
            return None  # it remembers, from one run to the next
        return self._bare(item) or self._in_session(item)

    def _in_session(self, item: Any) -> Call:
        from _pytest.runner import runtestprotocol  # noqa: PLC0415  see _collect_pytest

        def call() -> None:
            self.failed = self.called = False
            self.raised = None
            try:
                reports = runtestprotocol(item, log=False, nextitem=None)
            except BaseException:  # noqa: BLE001  the session was told to stop: it can run nothing more
                os._exit(1)
            for report in reports:
                self.see(report)
            if self.failed or not self.called:
                raise self.raised or AssertionError("it did not run to a success")

        return call

    @staticmethod
    def _bare(item: Any) -> Optional[Call]:
        if any(mark.name in MARKS_THAT_DECIDE for mark in item.iter_markers()):
            return None
        parts = getattr(item, "_fixtureinfo", None)
        names = set(getattr(parts, "names_closure", ["?"])) - {"request"}
        name = getattr(item, "originalname", None) or item.name.partition("[")[0]
        cls = getattr(item, "cls", None)
        if isinstance(cls, type) and issubclass(cls, unittest.TestCase):
            names = {one for one in names if not one.lstrip("_").startswith(OF_CLASS_FIXTURES)}
            return _direct_case(cls, name) if not names else None
        given = getattr(getattr(item, "callspec", None), "params", {})
        wanted = list(getattr(parts, "argnames", ()))
        if names - set(given) or set(wanted) - set(given) or not all(_is_given(parts, one) for one in wanted):
            return None
        function = inspect.unwrap(item.function) if hasattr(item, "function") else None
        if function is None or _is_odd(function):
            return None
        values = {one: given[one] for one in wanted}
        if cls is None:
            return lambda: item.function(**values)
        return lambda: getattr(cls(), name)(**values)

    def function(self, number: int) -> Any:
        """The function that a direct call ends in."""
        item = self.items[number]
        return getattr(getattr(item, "function", None), "__func__", getattr(item, "function", None))


def _listener(suite: PytestSuite) -> Any:
    import pytest  # noqa: PLC0415  see _collect_pytest

    class Listener:
        """Believes exceptions before reports."""

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_makereport(self, item: Any, call: Any) -> Generator[None, Any, None]:
            suite.marked = item.get_closest_marker("xfail") is not None
            yield
            if call.excinfo is not None and suite.raised is None:  # only now for unittest's cases
                suite.raised = call.excinfo.value

        def pytest_runtest_logreport(self, report: Any) -> None:
            suite.see(report)

    return Listener()


def _say_nothing(*_: Any, **__: Any) -> str:
    return "failed"


def _is_given(parts: Any, name: str) -> bool:
    """Whether the value is the parameter itself and not what a fixture makes of it."""
    definitions = getattr(parts, "name2fixturedefs", {}).get(name, ())
    return all(getattr(each.func, "__name__", "") == "get_direct_param_fixture_func" for each in definitions)


def _is_odd(function: Any) -> bool:
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    return any(kind(function) for kind in kinds) or hasattr(function, "hypothesis")


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


# unittest


def _collect_unittest(places: Sequence[str], serve: Callable[[Any], None]) -> None:
    class Runner(unittest.TextTestRunner):
        """Serves in the place of running."""

        def run(self, test: Any) -> Any:
            serve(UnittestSuite(list(_cases(test))))
            return unittest.TestResult()

    unittest.main(module=None, argv=["unittest", *places], testRunner=Runner, exit=False)


def _collect_django(script: Sequence[str], serve: Callable[[Any], None], imported: Callable[[], None]) -> None:
    """The script that Django runs its own tests with. Databases are made once; forks have copies of those in memory."""
    sys.argv[:] = script
    sys.path.insert(0, os.path.dirname(os.path.abspath(script[0])))
    from django.test.runner import DiscoverRunner  # type: ignore[import-not-found]  # noqa: PLC0415  the repository's

    set_up = DiscoverRunner.setup_databases

    def setup_databases(self: Any, *args: Any, **kwargs: Any) -> Any:
        imported()
        return set_up(self, *args, **kwargs)

    def run(_runner: Any, tests: Any) -> Any:
        serve(UnittestSuite(list(_cases(tests)), _as_printed))
        return unittest.TestResult()

    DiscoverRunner.setup_databases = setup_databases
    unittest.TextTestRunner.run = run  # type: ignore[method-assign,assignment]  # what Django's derives from
    runpy.run_path(script[0], run_name="__main__")


def _as_called(case: Any) -> str:
    return f"{case._testMethodName} ({strclass(type(case))})"


def _as_printed(case: Any) -> str:
    """As a log has it: by the first line of its docstring, where there is one."""
    return case.shortDescription() or str(case)


class UnittestSuite:
    """The cases of a loaded suite."""

    def __init__(self, cases: List[Any], name: Callable[[Any], str] = _as_called) -> None:
        self.cases = cases
        self.ids = [_clean(name(case)) for case in cases]

    def run(self, numbers: Sequence[int], heard: Heard) -> None:
        """Run these tests, in this order, with the fixtures of their classes and modules."""
        suite = unittest.TestSuite(self.cases[number] for number in numbers)
        suite.run(_Result({id(self.cases[number]): number for number in numbers}, heard))

    def direct(self, number: int) -> Optional[Call]:
        """The run of the case alone, with the fixtures of its class and module."""
        case = self.cases[number]
        module = sys.modules.get(type(case).__module__)
        in_suite = any(hasattr(module, name) for name in MODULE_FIXTURES)
        return _direct_case(type(case), case._testMethodName, in_suite=in_suite)

    def function(self, number: int) -> Any:
        """The function that a direct call ends in."""
        case = self.cases[number]
        return getattr(type(case), case._testMethodName, None)


class _Result(unittest.TestResult):
    """Tells of tests; what happens to classes and modules speaks against whatever did not run."""

    def __init__(self, numbers: Any, heard: Heard) -> None:
        super().__init__()
        self.numbers, self.heard = numbers, heard
        self.passed = False
        self.raised: Optional[BaseException] = None

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        self.passed, self.raised = False, None
        self.heard.begin(self.numbers[id(test)])

    def stopTest(self, test: Any) -> None:
        super().stopTest(test)
        self.heard.end(self.numbers[id(test)], self.passed and self.raised is None, self.raised)

    def addSuccess(self, _test: Any) -> None:
        self.passed = True

    def addExpectedFailure(self, _test: Any, _err: Any) -> None:
        self.passed = True

    def addError(self, _test: Any, err: Any) -> None:
        self.raised = err[1]

    def addFailure(self, _test: Any, err: Any) -> None:
        self.raised = err[1]

    def addSubTest(self, _test: Any, _subtest: Any, err: Any) -> None:
        if err is not None:
            self.raised = err[1]


class _Listening(unittest.TestResult):
    """Hands on what a case raises, for it would keep it to itself."""

    raised: Optional[BaseException] = None
    unsuccessful = True

    def addSuccess(self, _test: Any) -> None:
        self.unsuccessful = False

    def addError(self, _test: Any, err: Any) -> None:
        self.raised = err[1]

    def addFailure(self, _test: Any, err: Any) -> None:
        self.raised = err[1]

    def addSubTest(self, _test: Any, _subtest: Any, err: Any) -> None:
        if err is not None:
            self.raised = err[1]


def _direct_case(cls: Any, name: str, *, in_suite: bool = False) -> Call:
    in_suite |= any(
        getattr(cls, each).__func__ is not getattr(unittest.TestCase, each).__func__ for each in CLASS_FIXTURES
    )

    def call() -> None:
        result = _Listening()
        case = cls(name)
        (unittest.TestSuite([case]) if in_suite else case).run(result)
        if result.raised is not None:
            raise result.raised
        if result.unsuccessful:
            raise AssertionError("it did not run to a success")

    return call


def _cases(suite: Any) -> Iterator[Any]:
    try:
        parts = iter(suite)
    except TypeError:
        if type(suite).__name__ != "_FailedTest":
            yield suite
        return
    for part in parts:
        yield from _cases(part)
