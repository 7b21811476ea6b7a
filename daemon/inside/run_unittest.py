"""Runs unittest and tells, test by test, what it saw: `run_unittest.py --report R --secret S -- tests.test_cart -v`.

A test is called as unittest (before Python 3.11) and Django print it, `test_total (tests.test_cart.CartTests)`; its
dotted name and the first line of its docstring, which is what they print when there is one, are told as its labels.
"""

import importlib
import os
import sys
import unittest
from typing import Any, Dict, Iterator, List, Tuple
from unittest.util import strclass

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mendd_wire as wire  # type: ignore[import-not-found]  # found beside this script, wherever it is mounted

INTERNAL_ERROR = 3
NOTHING_RAN = 5  # as unittest has it from Python 3.12 on
WHAT_JUDGES = [
    *("unittest." + name for name in ("case", "suite", "result", "runner", "loader", "main", "mock")),
    *("unittest", "pytest"),  # where tests look names up, whoever runs them
]
FAILURES = ("failed", "error")


def main(arguments: List[str]) -> None:
    """Run, tell, and leave as unittest leaves."""
    report, machinery, args = wire.begin("unittest", arguments, WHAT_JUDGES)
    try:
        program = unittest.main(module=None, argv=["unittest", *args], testRunner=runner(report), exit=False)
        status = (NOTHING_RAN if not program.result.testsRun else 0) if program.result.wasSuccessful() else 1
    except BaseException as error:  # noqa: BLE001  even SystemExit(0) from a test module is no success
        report.tell("broke", cause=report.cause(error))
        status = INTERNAL_ERROR
    report.tell("meddling", what=machinery.changed() + wire.uninvited(report))
    report.end(status)


def runner(report: Any) -> Any:  # noqa: C901  one class, with one small method for each thing that can happen
    """The runner class, with a result that listens."""

    class Result(unittest.TextTestResult):
        """Folds what happens to a test, its subtests included, into one status."""

        begun: Any = None

        def startTest(self, test: Any) -> None:
            self._begin(test)
            super().startTest(test)

        def stopTest(self, test: Any) -> None:
            super().stopTest(test)
            if not _failed_import(test):
                self._tell(test)

        def addSuccess(self, test: Any) -> None:
            super().addSuccess(test)
            self.told.append(("passed", None, ""))

        def addError(self, test: Any, err: Any) -> None:
            super().addError(test, err)
            self._failed("error", test, err)

        def addFailure(self, test: Any, err: Any) -> None:
            super().addFailure(test, err)
            self._failed("failed", test, err)

        def addSkip(self, test: Any, reason: str) -> None:
            super().addSkip(test, reason)
            test = getattr(test, "test_case", test)  # of a subtest, which is no test that begins
            if isinstance(test, unittest.TestCase):
                self._begin(test)  # Python 3.12.1 does not start what it skips
                self.told.append(("skipped", unittest.SkipTest(reason), ""))
            else:
                report.tell("uncollected", id=_holder(test), status="skipped", cause=None, detail=wire.tail(reason))

        def addExpectedFailure(self, test: Any, err: Any) -> None:
            super().addExpectedFailure(test, err)
            self.told.append(("xfailed", err[1], ""))

        def addUnexpectedSuccess(self, test: Any) -> None:
            super().addUnexpectedSuccess(test)
            self.told.append(("failed", AssertionError("unexpected success"), ""))

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
            super().addSubTest(test, subtest, err)
            if err is not None:
                status = "failed" if issubclass(err[0], test.failureException) else "error"
                self.told.append((status, err[1], _text(self, err, test)))

        def _begin(self, test: Any) -> None:
            if self.begun is test:
                return
            self.begun = test
            self.told: List[Tuple[str, Any, str]] = []
            if not _failed_import(test):
                report.tell("start", id=name(test))

        def _failed(self, status: str, test: Any, err: Any) -> None:
            text = _text(self, err, test)
            if _failed_import(test):
                label, error = _import_again(test._testMethodName, err[1])
                _tell_uncollected(report, label, error, text)
            elif isinstance(test, unittest.TestCase):
                self.told.append((status, err[1], text))
            else:  # setUpClass, setUpModule and their ends
                _tell_uncollected(report, _holder(test), err[1], text)

        def _tell(self, test: Any) -> None:
            worst = sorted(self.told, key=lambda one: one[0] not in FAILURES) or [("error", None, "")]
            status, error, text = worst[0]
            fields: Dict[str, Any] = {"id": name(test), "labels": labels(test), "status": status, "phase": "call"}
            fields["cause"] = report.cause(error) if error is not None else None
            fields["detail"] = report.detail(text)
            fields["marked"] = status == "xfailed"  # only the decorator leads there
            report.tell("test", **fields)
            self.begun = None

    class Runner(unittest.TextTestRunner):
        """Tells what was collected, before anything of it runs."""

        resultclass: Any = Result

        def run(self, test: Any) -> Any:
            report.tell("collected", ids=[name(case) for case in _cases(test)], rootdir=report.root, changed=[])
            return super().run(test)

    return Runner


def name(test: Any) -> str:
    """`test_total (tests.test_cart.CartTests)`, on every Python."""
    method = getattr(test, "_testMethodName", None)
    return str(wire.clean(f"{method} ({strclass(type(test))})" if method else str(test)))


def labels(test: Any) -> List[str]:
    """What else the test is called."""
    try:
        described = test.shortDescription()
    except Exception:  # noqa: BLE001  it may be code of the repository
        described = None
    return [wire.clean(label) for label in (test.id(), described) if isinstance(label, str) and label]


def _cases(suite: Any) -> Iterator[Any]:
    try:
        parts = iter(suite)
    except TypeError:
        if not _failed_import(suite):
            yield suite
        return
    for part in parts:
        yield from _cases(part)


def _failed_import(test: Any) -> bool:
    return type(test).__name__ == "_FailedTest"


def _import_again(label: str, told: BaseException) -> Tuple[str, BaseException]:
    """The module and the exception of which unittest keeps only a part and a text; importing again gives them back."""
    modules = [argument for argument in sys.argv[1:] if argument.endswith("." + label)] or [label]
    for module in modules:
        try:
            importlib.import_module(module)
        except BaseException as error:  # noqa: BLE001, PERF203  the repository may raise anything
            return module, error
    return modules[0], told


def _text(result: Any, err: Any, test: Any) -> str:
    return str(result._exc_info_to_string(err, test))


def _holder(test: Any) -> str:
    return str(wire.clean(str(test.id())))


def _tell_uncollected(report: Any, label: str, error: BaseException, text: str) -> None:
    cause, detail = report.cause(error), report.detail(text)
    report.tell("uncollected", id=wire.clean(label), status="error", cause=cause, detail=detail)


if __name__ == "__main__":
    main(sys.argv[1:])
